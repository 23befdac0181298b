import type { Clock } from '../core/clock.ts'
import { environmentLabels, label } from '../core/labels.ts'
import type { CommitId } from '../core/names.ts'
import type { Image, Release, Verdict } from '../core/release.ts'
import type { Run } from '../core/run.ts'
import { persistently } from '../lib/async/retry.ts'
import type { Engine } from '../docker/engine.ts'
import type { Store } from '../store/store.ts'
import { documentName, writeDocument } from './document.ts'

/** Encrypts a text with the data key; `context` is authenticated, so that a document cannot stand in for another. */
export type Seal = (text: string, context: string) => Uint8Array

export interface ReleaseDeps {
  readonly store: Store
  readonly engine: Engine
  readonly clock: Clock
  readonly seal: Seal
}

/** What a release is made from: new from a commit, or old parts (rollback, scaling, config change). */
export interface Parts {
  readonly image: Image
  readonly verdict: Verdict
  readonly commit: CommitId | null
  readonly author: string
  /** Config version. */
  readonly config: number
  readonly formation: Readonly<Record<string, number>>
  readonly description: string
}

/**
 * Appends the release and puts its sealed document into the cluster (law: readable-from-the-cluster), so that a lost
 * database costs history, not apps. Once per run: entered again, the same release comes back. An engine that is away
 * for a moment is asked again.
 */
export async function makeRelease(run: Run, parts: Parts, deps: ReleaseDeps, signal: AbortSignal): Promise<Release> {
  const { app, environment, by } = run
  const release = await deps.store.insertRelease({
    ...parts,
    app,
    environment,
    by,
    createdAt: deps.clock.now(),
    run: run.id,
  })
  const config = await deps.store.readConfig(release, release.config)
  const home = await deps.store.findEnvironment(release)
  const name = documentName(release, release.number)
  const text = writeDocument({ release, config, intent: run.intent, branch: home?.branch ?? null })
  const labels = { ...environmentLabels(release), [label.role]: 'snapshot', [label.release]: String(release.number) }
  const { clock, engine } = deps
  const sealed = deps.seal(text, name)
  const until = clock.monotonic() + release.image.settings.bootSeconds * 1000
  await persistently(() => engine.createConfig(name, labels, sealed, signal), { clock, until, signal })
  return release
}
