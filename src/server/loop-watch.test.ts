import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemLoopDelay } from '../core/system.ts'
import { LoopWatch } from './loop-watch.ts'

test('what the event loop was late by is kept for an hour, and said when someone has noticed', async () => {
  const stop = new AbortController()
  const minutes = [{ p99: 5, worst: 9000 }, ...Array.from({ length: 60 }, (_, n) => ({ p99: n, worst: 100 + n }))]
  const said: unknown[] = []
  let [turn, first] = [0, {}]
  const watch = new LoopWatch({
    delay: { take: () => minutes[turn++]! },
    clock: {
      sleep: async () => {
        if (turn === 1) first = watch.report()
        if (turn === minutes.length) throw new Error('the hour is over')
      },
    },
    log: (event, facts) => said.push([event, facts]),
  })
  assert.deepEqual(watch.report(), { minutes: 0, p99: 0, worst: 0 })
  await assert.rejects(watch.run(stop.signal), /the hour is over/)
  assert.deepEqual(first, { minutes: 1, p99: 5, worst: 9000 })
  assert.deepEqual(watch.report(), { minutes: 60, p99: 59, worst: 159 })
  assert.deepEqual(said, [['the event loop was held', { p99: 5, worst: 9000 }]])
})

test('the system measures: nothing is below nothing, and what was taken is taken', () => {
  const delay = systemLoopDelay()
  for (const { p99, worst } of [delay.take(), delay.take()]) assert.ok(p99 >= 0 && worst >= 0)
})
