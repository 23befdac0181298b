import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { asAppError } from '../../core/errors.ts'
import { readIfThere } from '../../lib/files.ts'
import { checkout, paths } from '../paths.ts'
import { runProgram } from '../host/run-program.ts'

/** What a bug report needs, and the programs that tell it; config values and command lines of containers are in none. */
const programs: Readonly<Record<string, readonly string[]>> = {
  'commit.txt': ['git', '-C', checkout, 'log', '-1', '--oneline'],
  'system.txt': ['uname', '-a'],
  'addresses.txt': ['ip', 'address'],
  'routes.txt': ['ip', 'route'],
  'firewall.txt': ['nft', 'list', 'table', 'inet', 'lading'],
  'disk.txt': ['df', '-h', '-x', 'tmpfs', '-x', 'overlay'],
  'engine.txt': ['docker', 'info'],
  'containers.txt': [
    'docker',
    'ps',
    '--all',
    '--format',
    'table {{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}',
  ],
  'services.txt': ['docker', 'service', 'ls'],
  'tasks-control.txt': ['docker', 'service', 'ps', '--no-trunc', 'lading-control'],
  'log-control.txt': ['docker', 'service', 'logs', '--timestamps', '--tail', '500', 'lading-control'],
  'log-registry.txt': ['docker', 'service', 'logs', '--timestamps', '--tail', '100', 'lading-registry'],
}

const secretFiles = [paths.token, paths.tokenChange, paths.registryToken, paths.registryTokenChange, paths.unshownCode]

/** Writes a `.tar.gz` (0600) with the diagnosis, the state of engine and network, and our logs; secrets are masked. */
export async function writeBugReport(
  file: string,
  { diagnosis, keepers }: { readonly diagnosis: string; readonly keepers: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-doctor-'))
  try {
    const secrets = (await Promise.all(secretFiles.map(readIfThere))).flatMap(text => (text ? [text.trim()] : []))
    const keep = (name: string, text: string) =>
      writeFile(join(folder, name), mask(text, secrets) + '\n', { mode: 0o600 })
    await keep('doctor.json', diagnosis)
    await keep('install.json', (await readIfThere(paths.install)) ?? '')
    await keep('os-release', (await readIfThere('/etc/os-release')) ?? '')
    for (const [name, argv] of Object.entries(programs)) await keep(name, await saidBy(argv, signal))
    for (const keeper of keepers) {
      const argv = ['docker', 'logs', '--timestamps', '--tail', '500', keeper]
      await keep(`log-${keeper}.txt`, await saidBy(argv, signal))
    }
    // One that is there would keep its mode.
    await rm(file, { force: true })
    const umask = process.umask(0o077)
    try {
      await runProgram('tar', ['-czf', resolve(file), '-C', folder, '.'], {}, signal)
    } finally {
      process.umask(umask)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** "docker service logs" of an engine that is ill may never end; what it has said until then is worth having (ms). */
const programMs = 30_000

/** The lines of both streams; of a program that fails or does not end, why as well. */
export async function saidBy(
  [file = '', ...args]: readonly string[],
  signal: AbortSignal,
  withinMs = programMs,
): Promise<string> {
  const lines: string[] = []
  const limit = AbortSignal.timeout(withinMs)
  try {
    await runProgram(file, args, { say: line => lines.push(line) }, AbortSignal.any([signal, limit]))
  } catch (error) {
    signal.throwIfAborted()
    lines.push(limit.aborted ? `did not end within ${withinMs / 1000} s` : asAppError(error).message)
  }
  return lines.join('\n')
}

/** The secrets given, and what looks like one: a bearer token, a password in a URL. */
export function mask(text: string, secrets: readonly string[]): string {
  const known = secrets
    .filter(secret => secret.length >= 8)
    .reduce((all, secret) => all.replaceAll(secret, '***'), text)
  return known
    .replace(/((?:bearer|basic)\s+)[\w.~+/=-]{8,}/gi, '$1***')
    .replace(/(:\/\/[^\s/:@]*):[^\s/@]+@/g, '$1:***@')
}
