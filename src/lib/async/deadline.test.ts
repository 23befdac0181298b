import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../core/clock.ts'
import { withAbort } from './abort.ts'
import { within } from './deadline.ts'

const late = () => new Error('too long')

/** A clock on which every sleep is over at once. */
const quick: Clock = { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() }

test('work that is done in time gives its result, and no timer stays', async () => {
  let stopped = false
  const clock: Clock = {
    ...quick,
    sleep: (_ms, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          stopped = true
          reject(signal.reason)
        })
      }),
  }
  assert.equal(await within({ clock, ms: 1_000, late }, () => Promise.resolve('done')), 'done')
  assert.equal(stopped, true)
})

test('work that takes too long is told so by its signal, and left behind when it does not listen', async () => {
  let abortReason: unknown = null
  const deaf = (signal: AbortSignal) =>
    new Promise<never>(() => signal.addEventListener('abort', () => void (abortReason = signal.reason)))
  await assert.rejects(within({ clock: quick, ms: 1, late }, deaf), /too long/)
  assert.match(String(abortReason), /too long/)
})

test('a promise is left behind when the signal aborts, with its reason', async () => {
  const gone = new AbortController()
  const waiting = withAbort(new Promise<never>(() => undefined), gone.signal)
  gone.abort(new Error('gone'))
  await assert.rejects(waiting, /gone/)
  await assert.rejects(withAbort(Promise.resolve(), gone.signal), /gone/)
  assert.equal(await withAbort(Promise.resolve(1), new AbortController().signal), 1)
})
