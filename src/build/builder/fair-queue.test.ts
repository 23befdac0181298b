import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairQueue } from './fair-queue.ts'

const never = new AbortController().signal

function job(queue: FairQueue, owner: string, log: string[], name = owner, signal = never) {
  const gate = Promise.withResolvers<void>()
  const ended = queue.run(
    owner,
    async () => {
      log.push(name)
      await gate.promise
    },
    () => log.push(`${name} waits`),
    signal,
  )
  return { ended, finish: () => gate.resolve() }
}

test('no more run at once than there are places, and the next comes when one is done', async () => {
  const log: string[] = []
  const queue = new FairQueue(() => 2)
  const [a, b, c] = ['a', 'b', 'c'].map(owner => job(queue, owner, log))
  assert.deepEqual(log, ['a', 'b', 'c waits'])
  a!.finish()
  await a!.ended
  b!.finish()
  c!.finish()
  await Promise.all([b!.ended, c!.ended])
  assert.deepEqual(log, ['a', 'b', 'c waits', 'c'])
})

test('an owner has one turn at a time, and those who waited longest for theirs come first', async () => {
  const log: string[] = []
  const queue = new FairQueue(() => 1)
  const jobs = [
    job(queue, 'a', log, 'a1'),
    job(queue, 'a', log, 'a2'),
    job(queue, 'a', log, 'a3'),
    job(queue, 'b', log),
  ]
  for (const one of jobs) one.finish()
  await Promise.all(jobs.map(one => one.ended))
  assert.deepEqual(
    log.filter(line => !line.endsWith('waits')),
    ['a1', 'b', 'a2', 'a3'],
  )
})

test('aborted while waiting it leaves the queue with the reason', async () => {
  const log: string[] = []
  const queue = new FairQueue(() => 1)
  const controller = new AbortController()
  const first = job(queue, 'a', log)
  const second = job(queue, 'b', log, 'b', controller.signal)
  controller.abort(new Error('superseded'))
  await assert.rejects(second.ended, /superseded/)
  const third = job(queue, 'c', log)
  first.finish()
  third.finish()
  await third.ended
  assert.deepEqual(log, ['a', 'b waits', 'c waits', 'c'])
})

test('work that fails gives its place back', async () => {
  const queue = new FairQueue(() => 1)
  const fail = queue.run(
    'a',
    () => Promise.reject(new Error('no')),
    () => undefined,
    never,
  )
  await assert.rejects(fail, /no/)
  assert.equal(
    await queue.run(
      'b',
      () => Promise.resolve(1),
      () => assert.fail('it waits'),
      never,
    ),
    1,
  )
})
