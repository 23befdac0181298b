import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { persistently } from './retry.ts'

/** A clock on which every sleep is over at once. */
function quickClock(): Clock {
  let now = 0
  return { now: () => now, monotonic: () => now, sleep: async ms => void (now += ms) }
}

test('what is refused for a passing reason is tried until the deadline, then its last error comes', async () => {
  const away = new AppError('unavailable', 'away', { retryable: true })
  const patience = { clock: quickClock(), until: 2_000, signal: new AbortController().signal }
  let tries = 0
  const third = () => (++tries < 3 ? Promise.reject(away) : Promise.resolve('done'))
  assert.equal(await persistently(third, patience), 'done')
  await assert.rejects(
    persistently(() => Promise.reject(away), patience),
    away,
  )
  assert.equal(patience.clock.monotonic(), 2_000)
})

test('what is refused for good is not tried again', async () => {
  let tries = 0
  const bad = () => (tries++, Promise.reject(new AppError('invalid-input', 'no')))
  await assert.rejects(persistently(bad, { clock: quickClock(), until: 9, signal: new AbortController().signal }))
  assert.equal(tries, 1)
})
