import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StepPlaces } from './places.ts'

const never = new AbortController().signal

test('as many at once as there are places, and the app with the fewest under way is next', async () => {
  let most = 2
  const places = new StepPlaces(() => most)
  const order: string[] = []
  const take = async (app: string, name: string) => {
    const release = await places.take(app, never)
    order.push(name)
    return release
  }
  const first = await take('busy', 'busy 1')
  const second = await take('busy', 'busy 2')
  const waiting = [take('busy', 'busy 3'), take('other', 'other 1')]
  first()
  const third = await waiting[1]!
  assert.deepEqual(order, ['busy 1', 'busy 2', 'other 1'])
  most = 3
  second()
  ;(await waiting[0]!)()
  third()
  assert.deepEqual(order, ['busy 1', 'busy 2', 'other 1', 'busy 3'])
})

test('who leaves while it waits takes no place with it', async () => {
  const places = new StepPlaces(() => 1)
  const release = await places.take('shop', never)
  const stop = new AbortController()
  const left = places.take('shop', stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(left, /enough/)
  release()
  ;(await places.take('shop', never))()
})
