import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Shifts } from './shifts.ts'

test('builds run side by side', async () => {
  const shifts = new Shifts()
  const first = Promise.withResolvers<void>()
  const slow = shifts.build(() => first.promise)
  assert.equal(await shifts.build(() => Promise.resolve('second')), 'second')
  first.resolve()
  await slow
})

test('a cleaning does not begin while a build runs', async () => {
  const shifts = new Shifts()
  const end = Promise.withResolvers<void>()
  const building = shifts.build(() => end.promise)
  assert.equal(await shifts.clean(() => Promise.resolve('cleaned')), null)
  end.resolve()
  await building
  assert.equal(await shifts.clean(() => Promise.resolve('cleaned')), 'cleaned')
})

test('a build that comes during a cleaning waits for its end, also for one that fails', async () => {
  const shifts = new Shifts()
  const order: string[] = []
  const end = Promise.withResolvers<void>()
  const cleaning = shifts.clean(async () => {
    await end.promise
    order.push('cleaned')
    throw new Error('the registry is away')
  })
  const building = shifts.build(() => Promise.resolve(order.push('built')))
  assert.equal(await shifts.clean(() => Promise.resolve('second')), null)
  end.resolve()
  await assert.rejects(cleaning, /away/)
  await building
  assert.deepEqual(order, ['cleaned', 'built'])
})
