import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './clock.ts'
import { AppError } from './errors.ts'
import { persistently, withTicks } from './waiting.ts'

/** A clock whose sleepers are woken by hand. */
function handClock() {
  const sleepers = new Set<() => void>()
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.add(resolve)
        signal?.addEventListener('abort', () => {
          sleepers.delete(resolve)
          reject(signal.reason)
        })
      }),
  }
  const tick = async () => {
    while (sleepers.size === 0) await new Promise(setImmediate)
    for (const wake of sleepers) wake()
    sleepers.clear()
  }
  return { clock, tick, sleepers }
}

test('repeats the newest value at each tick, and takes a new one at once', async () => {
  const { clock, tick } = handClock()
  const gate = Promise.withResolvers<void>()
  async function* source() {
    yield 'a'
    await gate.promise
    yield 'b'
  }
  const ticks = withTicks(source(), { clock, everyMs: 1 })
  assert.equal((await ticks.next()).value, 'a')
  const again = ticks.next()
  await tick()
  assert.equal((await again).value, 'a')
  gate.resolve()
  assert.equal((await ticks.next()).value, 'b')
  assert.equal((await ticks.next()).done, true)
})

test('leaving the loop ends the source and leaves no sleeper behind', async () => {
  const { clock, sleepers } = handClock()
  let ended = false
  async function* source() {
    try {
      for (;;) yield 1
    } finally {
      ended = true
    }
  }
  for await (const value of withTicks(source(), { clock, everyMs: 1 })) if (value === 1) break
  await new Promise(setImmediate)
  assert.equal(ended, true)
  assert.equal(sleepers.size, 0)
})

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
