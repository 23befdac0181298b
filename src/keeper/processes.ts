import { readFile } from 'node:fs/promises'
import { environmentOf, label, processName } from '../core/labels.ts'
import type { EnvironmentKey } from '../core/names.ts'
import { sameEnvironment, type ProcessFacts, type ReleaseKey } from '../edge/edges.ts'

/** What a view shows of a process, and what only its keeper needs. */
export interface RunningProcess extends ReleaseKey, ProcessFacts {
  readonly stopping: boolean
  /** The container's first process on the host, and its start time, so that its end shows without the engine. */
  readonly pid: number
  readonly pidStartedAt: string | null
}

/** What `GET /containers/<id>/json` says, as far as we read it. */
export interface Inspected {
  readonly Id: string
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null }
  readonly State: {
    readonly Running: boolean
    readonly Pid: number
    readonly ExitCode: number
    readonly OOMKilled: boolean
    readonly StartedAt: string
  }
  readonly NetworkSettings: {
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null
  }
}

const exitedKept = 20

/** Null for containers that are not processes of a release: builders, one-offs, anything that is not ours. */
export async function processOf(inspected: Inspected, clusterAddress: string): Promise<RunningProcess | null> {
  const labels = inspected.Config.Labels ?? {}
  const type = labels[label.type]
  const release = Number(labels[label.release])
  const role = labels[label.role] ?? 'process'
  if (!type || !Number.isSafeInteger(release) || (role !== 'process' && role !== 'platform')) return null
  const { State: state } = inspected
  return {
    ...environmentOf(labels),
    release,
    container: inspected.Id,
    type,
    name: processName(labels),
    state: state.Running ? 'running' : 'exited',
    exitCode: state.Running ? null : state.ExitCode,
    outOfMemory: state.OOMKilled,
    startedAt: Date.parse(state.StartedAt),
    address: state.Running ? addressOf(inspected, clusterAddress) : null,
    stopping: false,
    pid: state.Pid,
    pidStartedAt: state.Running ? await startTimeOf(state.Pid) : null,
  }
}

function addressOf({ NetworkSettings }: Inspected, clusterAddress: string): string | null {
  const bindings = Object.values(NetworkSettings.Ports ?? {}).flatMap(one => one ?? [])
  const bound = bindings.find(one => one.HostIp === clusterAddress || one.HostIp === '0.0.0.0')
  return bound ? `${clusterAddress}:${bound.HostPort}` : null
}

/** Field 22 of /proc/<pid>/stat; null when there is no such process here. */
export async function startTimeOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

/** All processes of releases on this engine, with the last few that ended. */
export class Processes {
  readonly #byContainer = new Map<string, RunningProcess>()

  get(container: string): RunningProcess | undefined {
    return this.#byContainer.get(container)
  }

  set(process: RunningProcess): void {
    // Last in, last out: a process that changed counts as the newest.
    this.#byContainer.delete(process.container)
    this.#byContainer.set(process.container, process)
    if (process.state === 'exited') this.#forgetOldest(process)
  }

  delete(container: string): void {
    this.#byContainer.delete(container)
  }

  running(): readonly RunningProcess[] {
    return [...this.#byContainer.values()].filter(one => one.state === 'running')
  }

  of(key: EnvironmentKey): readonly RunningProcess[] {
    return [...this.#byContainer.values()].filter(one => sameEnvironment(one, key))
  }

  #forgetOldest(key: EnvironmentKey): void {
    const exited = this.of(key).filter(one => one.state === 'exited')
    exited.slice(0, Math.max(0, exited.length - exitedKept)).forEach(one => this.#byContainer.delete(one.container))
  }
}
