import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedMutex } from './mutex.ts'

const forever = new AbortController().signal

test('turns of one key come one after the other, those of another key at once', async () => {
  const turns = new KeyedMutex()
  const order: string[] = []
  const end = await turns.take('a', forever)
  const second = turns.take('a', forever).then(next => (order.push('second'), next))
  await turns.take('b', forever)
  order.push('other')
  end()
  ;(await second)()
  assert.deepEqual(order, ['other', 'second'])
})

test('one that is aborted while it waits lets those behind it wait for the one before', async () => {
  const turns = new KeyedMutex()
  const end = await turns.take('a', forever)
  const impatient = new AbortController()
  const aborted = turns.take('a', impatient.signal)
  let got = false
  const third = turns.take('a', forever).then(next => ((got = true), next))
  impatient.abort(new Error('gone'))
  await assert.rejects(aborted, /gone/)
  await new Promise(setImmediate)
  assert.equal(got, false)
  end()
  ;(await third)()
})
