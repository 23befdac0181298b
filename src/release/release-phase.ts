import type { Clock } from '../core/clock.ts'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { formatAmount, type Limits } from '../core/limits.ts'
import type { RunId } from '../core/names.ts'
import { persistently } from '../lib/async/retry.ts'
import type { Engine, OneOffSpec, OneOffView } from '../docker/engine.ts'
import type { Store } from '../store/store.ts'

const pollMs = 200
const { outputLines: mostLines, outputCharactersOfLine: mostCharacters } = defaults
/** Of what is left out, the last lines: there a migration says why it failed. */
const lastLines = 50

interface PhaseDeps {
  readonly store: Pick<Store, 'startReleasePhase'>
  readonly engine: Engine
  readonly clock: Clock
  readonly limits: () => Limits
}

/**
 * Runs the release phase to its end; resolves when it exits 0. The row "started" is written before the container is
 * made and is the point of no return: found running, it is waited for; found exited, its code counts; found nowhere
 * although the row is there, the run fails and says that the migration's state is unknown. It is never started twice: its
 * start is asked for again only while this very control plane lives, by a name that the engine starts once.
 */
export async function releasePhase(
  run: RunId,
  spec: OneOffSpec,
  say: (line: string) => void,
  { store, engine, clock, limits }: PhaseDeps,
  signal: AbortSignal,
): Promise<void> {
  const seconds = limits().releasePhaseSeconds
  const patience = { clock, until: clock.monotonic() + seconds * 1000, seconds, signal }
  if (await store.startReleasePhase(run, clock.now())) {
    await persistently(() => engine.startOneOff(spec, signal), patience)
  }
  const following = new AbortController()
  const leftOut: string[] = []
  const log = followLog(spec.name, { say, leftOut }, engine, AbortSignal.any([signal, following.signal]))
  try {
    const end = await ended(spec.name, engine, patience)
    await Promise.race([log, clock.sleep(1_000, signal)])
    assertPassed(end, leftOut)
  } finally {
    following.abort()
  }
}

async function ended(
  name: string,
  engine: Engine,
  patience: { readonly clock: Clock; readonly until: number; readonly seconds: number; readonly signal: AbortSignal },
): Promise<OneOffView> {
  const { clock, until, seconds, signal } = patience
  for (;;) {
    const view = await persistently(() => engine.inspectOneOff(name, signal), patience)
    if (!view) {
      throw new AppError(
        'release-phase-failed',
        'the release phase was started, but its container is gone: the state of its migration is unknown',
        {
          hint: 'Look at the data before you push again.',
        },
      )
    }
    if (!view.running) return view
    if (clock.monotonic() >= until) {
      throw new AppError(
        'release-phase-failed',
        `the release phase ran longer than ${formatAmount(seconds, 'seconds')}`,
      )
    }
    await clock.sleep(pollMs, signal)
  }
}

function assertPassed({ exitCode, outOfMemory }: OneOffView, details: readonly string[]): void {
  if (exitCode === 0) return
  const how = outOfMemory ? 'was killed for memory' : `exited ${exitCode ?? 'without a code'}`
  throw new AppError('release-phase-failed', `the release phase ${how}`, {
    hint: 'Fix the "release:" command of the Procfile, or what it works on, and push again.',
    details,
  })
}

/** Progress only, and no more of it than of a build: a log that breaks off does not fail a migration that goes on. */
async function followLog(
  name: string,
  { say, leftOut }: { readonly say: (line: string) => void; readonly leftOut: string[] },
  engine: Engine,
  signal: AbortSignal,
): Promise<void> {
  try {
    let lines = 0
    for await (const { text } of engine.logs(name, { follow: true }, signal)) {
      const line = text.slice(0, mostCharacters)
      if (lines++ < mostLines) {
        say(`       ${line}`)
        continue
      }
      if (lines === mostLines + 1) say(`       … ${mostLines} lines shown; the rest is left out`)
      if (leftOut.push(line) > lastLines) leftOut.shift()
    }
  } catch (error) {
    if (!signal.aborted)
      say(`       (the log of the release phase broke off: ${error instanceof Error ? error.message : String(error)})`)
  }
}
