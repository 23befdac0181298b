import { AppError } from '../core/errors.ts'
import type { Run } from '../core/run.ts'
import { wentLive } from '../core/states.ts'
import type { Common } from './command.ts'
import type { Session } from './session.ts'

/** A connection that was cut is made again for so long silently (ms): a control plane restarts in seconds. */
const patienceMs = 60_000
const retryMs = 1_000

export interface FollowOptions extends Common {
  readonly detach?: boolean
}

/**
 * Tells a run's lines as they come and ends with its outcome: prints where it answers, rejects with the reason where it
 * is not. With `--detach` it only says what was started.
 */
export async function carry(session: Session, run: Run, options: FollowOptions): Promise<void> {
  const { terminal } = session
  if (options.detach) {
    if (options.json) terminal.json(run)
    else terminal.print(`Run ${run.id} is on its way: lading runs show ${run.id} --follow`)
    return
  }
  const ended = await follow(session, run.id)
  if (options.json) terminal.json(ended)
  const { url, environments } = await (await session.client()).app(ended.app)
  const serving = environments[0]?.serving
  if (!wentLive(ended.state)) throw failure(ended, serving?.release ?? null)
  const place = serving?.answers ? `  ${url}` : ''
  if (!options.json) terminal.print(`${terminal.paint(`v${ended.release} is live`, 'green')}${place}`)
}

/** Resolves with the run when it is live or has ended. Ctrl-C leaves it alone, and says so. */
export async function follow(session: Session, id: string): Promise<Run> {
  const { terminal, clock, signal } = session
  const client = await session.client()
  let seen = 0
  let lastLineAt = clock.monotonic()
  for (;;) {
    try {
      for await (const event of client.follow(id, seen)) {
        lastLineAt = clock.monotonic()
        if (event.kind === 'outcome') return event.run
        seen = event.seq
        terminal.say(event.text)
      }
    } catch (error) {
      if (signal.aborted) {
        terminal.say(`\nRun ${id} goes on. See it: lading runs show ${id}   Stop it: lading runs cancel ${id}`)
        throw error
      }
      const mayPass = error instanceof AppError && error.retryable
      if (!mayPass || clock.monotonic() - lastLineAt > patienceMs) throw error
    }
    await clock.sleep(retryMs, signal)
  }
}

function failure(run: Run, serving: string | null): AppError {
  const code = run.state === 'cancelled' || run.state === 'superseded' ? run.state : 'not-healthy'
  const sentence = run.state === 'failed' ? run.reason : `${run.state}: ${run.reason}`
  const goesOn = serving === null ? '' : ` ${serving} goes on serving.`
  return new AppError(code, sentence, {
    details: run.details,
    hint: `The whole story: lading runs show ${run.id}.${goesOn}`,
  })
}
