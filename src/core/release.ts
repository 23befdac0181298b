import type { CommitId, EnvironmentKey, ImageReference, ProcessType, RunId } from './names.ts'
import type { VerifyPlan } from './verify-plan.ts'

/** What the edge and the rollout need to know about an app, from `lading.yaml`; defaults in core/defaults.ts. */
export interface Settings {
  /** HTTP path that must answer 200–399; null: a TCP connection is the check. */
  readonly healthPath: string | null
  /** `h2c` for gRPC. */
  readonly protocol: 'h1' | 'h2c'
  /** What `web` listens on, and is told as PORT; absent: the platform's own choice. */
  readonly port?: number
  /** Without progress for so long, a rollout fails (seconds). */
  readonly bootSeconds: number
  /** How long requests of the old release may run on after the switch (seconds). */
  readonly drainSeconds: number
  /** Between SIGTERM and SIGKILL (seconds). */
  readonly stopSeconds: number
  /** To the first byte of the answer, after the request was received (seconds). */
  readonly firstByteSeconds: number
  /** Silence allowed on a connection afterwards (seconds). */
  readonly idleSeconds: number
  /** Bytes. */
  readonly memory: number
  /** CPUs, 1 = one core. */
  readonly cpus: number
}

export interface Process {
  readonly type: ProcessType
  /** Command as written in the Procfile, run by `sh -c` inside the app's own container; null: the image's own command. */
  readonly command: string | null
}

/** What the build stage makes from a commit. */
export interface Image {
  readonly reference: ImageReference
  /** Same key, same image: it is never built twice. */
  readonly buildKey: string
  /** From the Procfile, or `web` alone with the image's command. */
  readonly processes: readonly Process[]
  /** `release:` of the Procfile. */
  readonly releaseCommand: string | null
  readonly settings: Settings
  readonly layers: readonly { readonly digest: string; readonly size: number; readonly isNew: boolean }[]
  /** What made it, such as `node`: the name of a stack. */
  readonly stack: string
  /** By the builder from a Dockerfile, or put together from layers. */
  readonly method: 'built' | 'assembled'
  /** Absent: lading.yaml declares no steps. */
  readonly verify?: VerifyPlan
}

/** An image as rows and documents of ours hold it. Before 0.2 they said `how` it was made in one word. */
export function readImage(stored: Image | (Omit<Image, 'stack' | 'method'> & { readonly how: string })): Image {
  if (!('how' in stored)) return stored
  const { how, ...image } = stored
  const [stack = '', method] = how.split('-')
  return { ...image, stack, method: method === 'assembled' ? method : 'built' }
}

/** What the verify stage found. A release never carries `failed`: its run keeps it. */
export interface Verdict {
  readonly outcome: 'passed' | 'failed' | 'nothing-tested'
  readonly sentence: string
  /** In the order of lading.yaml; absent in verdicts of the first Ladings, and where nothing is declared. */
  readonly steps?: readonly StepVerdict[]
}

/** How one step ended (docs/design/verify.md). */
export interface StepVerdict {
  readonly name: string
  readonly needs: readonly string[]
  readonly state: 'passed' | 'failed' | 'not-run' | 'remembered'
  /** `exited 1`, `ran longer than 10 min`, `needs unit, which failed`; of a pass, empty. */
  readonly how: string
  readonly mayFail: boolean
  /** More than one and `passed`: the step is flaky. Of a remembered step, those of then. */
  readonly attempts: number
  /** Of all attempts; of a remembered step, of then. */
  readonly seconds: number
  /** Of its report; null: it has none that could be read. */
  readonly counts: TestCounts | null
  /** The run in which a remembered step passed. */
  readonly passedIn?: RunId
}

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Names of the first failed ones. */
  readonly failures: readonly string[]
}

/** Passed, and not at once. */
export function isFlaky(step: Pick<StepVerdict, 'state' | 'attempts'>): boolean {
  return (step.state === 'passed' || step.state === 'remembered') && step.attempts > 1
}

/** Immutable; numbered v1, v2, … per environment. */
export interface Release extends EnvironmentKey {
  readonly number: number
  readonly image: Image
  readonly commit: CommitId | null
  readonly author: string
  /** Version of the config that this release carries; its values are encrypted in the store and in the cluster. */
  readonly config: number
  readonly formation: Readonly<Record<string, number>>
  readonly verdict: Verdict
  /** `Deploy de63889`, `Rollback to v46`, `Set FOO`, … */
  readonly description: string
  readonly by: string
  readonly createdAt: number
  readonly run: RunId
}

/** How many processes of this type the release runs: its formation, else one `web` and none of any other. */
export function count(release: Pick<Release, 'formation'>, type: string): number {
  return release.formation[type] ?? (type === 'web' ? 1 : 0)
}

/** Whether anything answers at its address: only `web` gets traffic. */
export function answers(release: Pick<Release, 'formation' | 'image'>): boolean {
  return release.image.processes.some(({ type }) => type === 'web' && count(release, type) > 0)
}
