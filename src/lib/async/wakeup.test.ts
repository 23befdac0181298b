import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../core/clock.ts'
import { Wakeup } from './wakeup.ts'

/** A clock on which no time passes: a sleep ends by its signal alone. */
const still: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (_ms, signal) =>
    new Promise((_resolve, reject) => {
      if (signal?.aborted) reject(signal.reason)
      signal?.addEventListener('abort', () => reject(signal.reason))
    }),
}
const forever = new AbortController().signal

test('a sleeper is woken, and a call while no one sleeps ends the next sleep at once, once', async () => {
  const wakeup = new Wakeup(still)
  const sleeping = wakeup.wait(1_000, forever)
  wakeup.wake()
  await sleeping
  wakeup.wake()
  wakeup.wake()
  await wakeup.wait(1_000, forever)
  let isAwake = false
  const next = wakeup.wait(1_000, forever).then(() => (isAwake = true))
  await new Promise(setImmediate)
  assert.equal(isAwake, false)
  wakeup.wake()
  await next
})

test('an abort ends the sleep without an error', async () => {
  const stop = new AbortController()
  const sleeping = new Wakeup(still).wait(1_000, stop.signal)
  stop.abort()
  await sleeping
})

test('what fails otherwise than by the signal is told', async () => {
  const broken = new Wakeup({ ...still, sleep: () => Promise.reject(new Error('no timers')) })
  await assert.rejects(broken.wait(1_000, forever), /no timers/)
})
