import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** Variables that a run may be told on its command line: which seeds, how many kills. */
const ofOurs = /^LADING_(SIMULATION|KILLS|TEST)_[A-Z]+$/

/**
 * The environment that every test gets, whatever this shell holds: where programs are, a home without files, UTC. No
 * `GIT_*`, no proxy, no `NODE_OPTIONS`, no `DOCKER_HOST`, no platform of the machine's own. A Node that is not Debian's
 * knows the machine's own certificates by a variable only, and suites on engines download packages.
 */
export function cleanEnvironment(given: Environment): Record<string, string> {
  const clean: Record<string, string> = {
    PATH: given['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: mkdtempSync(join(tmpdir(), 'lading-test-home-')),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    GIT_CONFIG_NOSYSTEM: '1',
    NO_COLOR: '1',
    NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt',
  }
  for (const name of ['TMPDIR', 'NODE_COMPILE_CACHE', 'CI']) if (given[name]) clean[name] = given[name]
  for (const [name, value] of Object.entries(given)) if (value !== undefined && ofOurs.test(name)) clean[name] = value
  return clean
}
