import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../core/clock.ts'
import { withTicks } from './ticks.ts'

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
