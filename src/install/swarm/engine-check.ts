import { isOldEngine, oldestEngine } from '../host/checks.ts'
import { engineAnswers, engineVersion } from './engine-call.ts'
import { readIfThere } from '../../lib/files.ts'
import type { Machine } from '../host/machine.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { paths } from '../paths.ts'
import { runProgram } from '../host/run-program.ts'

const daemonFile = '/etc/docker/daemon.json'
const page = 'docs/design/upgrade.md, "The engine"'

/** The engine for `doctor`: whether it answers, how old it is, and what would keep it from starting again. */
export async function checkEngine({ hasSystemd }: Machine, signal: AbortSignal): Promise<string | Obstacle[]> {
  if (!(await engineAnswers(signal))) {
    const next = hasSystemd
      ? 'systemctl start docker; why it ended: journalctl -u docker -n 50'
      : `lading boot; why it ended: tail -50 ${paths.engineLog}`
    return [{ what: 'does not answer: nothing of Lading can be changed, and nothing that ends comes back', next }]
  }
  const version = await engineVersion(signal)
  const found: Obstacle[] = []
  if (isOldEngine(version))
    found.push({
      what: `is Docker ${version}; older than ${oldestEngine} is not tested`,
      next: `apt-get install --only-upgrade docker.io; every container of the machine restarts for that (${page})`,
    })
  if (wantsLiveRestore((await readIfThere(daemonFile)) ?? ''))
    found.push({
      what: `${daemonFile} sets live-restore, which an engine in a swarm refuses: it will not start again`,
      next: `Take "live-restore" out of ${daemonFile}`,
    })
  if (found.length > 0) return found
  const offered = offeredVersion(await runProgram('apt-cache', ['policy', 'docker.io'], {}, signal).catch(() => ''))
  return offered === null ? `Docker ${version}` : `Docker ${version}; ${offered} is offered (${page})`
}

/** One that cannot be read says nothing: the engine refuses it by itself. */
export function wantsLiveRestore(daemonJson: string): boolean {
  return /"live-restore"\s*:\s*true/.test(daemonJson)
}

/** From `apt-cache policy`: the package's version that would come; null when it is there, or the package is not ours. */
export function offeredVersion(policy: string): string | null {
  const of = (name: string) => new RegExp(`^\\s*${name}: (\\S+)$`, 'm').exec(policy)?.[1]
  const [installed, candidate] = [of('Installed'), of('Candidate')]
  if (installed === undefined || candidate === undefined || installed === '(none)') return null
  return installed === candidate ? null : candidate
}
