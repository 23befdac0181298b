import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import type { Call } from '../docker/http.ts'
import { VirtualClock } from '../../test/simulation/virtual-clock.ts'
import { Brakes } from './brakes.ts'

const never = new AbortController().signal
const id = 'c'.repeat(64)

test('a flood is read at 10,000 lines a second for as long as it lasts, and by one reader', async () => {
  const clock = new VirtualClock()
  const began = clock.monotonic()
  const calls: string[] = []
  let lines = 0
  let isOver = false
  const flood = Readable.from(
    (function* () {
      while (lines < 600_000) {
        lines += 20_000
        yield Buffer.from('y\n'.repeat(20_000))
      }
    })(),
  )
  const upgrade = ({ method, path }: Call) => {
    calls.push(`${method} ${path}`)
    return Promise.resolve(flood as PassThrough)
  }
  const brakes = new Brakes({ engine: { upgrade }, clock, log: () => undefined })
  void brakes.hold(id, never).then(() => (isOver = true))
  await brakes.hold(id, never)
  assert.equal(await clock.run(() => isOver, 120_000), true)
  assert.deepEqual(calls, [`POST /containers/${id}/attach`])
  const seconds = (clock.monotonic() - began) / 1000
  assert.ok(seconds >= 59 && seconds <= 62, `${seconds} s for 600,000 lines`)
})

test('a container that prints slowly again is let go, and its connection ends', async () => {
  const clock = new VirtualClock()
  const quiet = new PassThrough()
  quiet.write('y\n'.repeat(20_000))
  const ended = Promise.withResolvers<void>()
  const upgrade = (_call: Call, signal: AbortSignal) => {
    signal.addEventListener('abort', () => ended.resolve())
    return Promise.resolve(quiet)
  }
  let isOver = false
  void new Brakes({ engine: { upgrade }, clock, log: () => undefined }).hold(id, never).then(() => (isOver = true))
  assert.equal(await clock.run(() => isOver, 11_000), true)
  await ended.promise
})

test('an engine that is away is no error of the keeper: it is asked again when the follower tells again', async () => {
  const said: string[] = []
  const upgrade = () => Promise.reject(new Error('no engine'))
  const brakes = new Brakes({ engine: { upgrade }, clock: new VirtualClock(), log: line => said.push(line) })
  await brakes.hold(id, never)
  await brakes.hold(id, never)
  assert.equal(said.length, 2)
})
