import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../../test/simulation/virtual-clock.ts'
import { AppError } from '../../core/errors.ts'
import { onceUnlocked } from './apt.ts'

const { signal } = new AbortController()
const failure = (...details: string[]) => new AppError('internal', 'apt-get update exited 100', { details })
/** As apt 3.0 and dpkg 1.22 say it. */
const locked = [
  failure(
    'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 412 (apt-get)',
    'E: Unable to lock directory /var/lib/apt/lists/',
  ),
  failure('dpkg: error: dpkg frontend lock was locked by another process with pid 412'),
]

test('what another apt holds up is done when that one has ended', async () => {
  const clock = new VirtualClock()
  const [said, failures]: [string[], AppError[]] = [[], [...locked]]
  let result = ''
  const run = () => {
    const next = failures.shift()
    return next === undefined ? Promise.resolve('fetched') : Promise.reject(next)
  }
  void onceUnlocked(run, line => said.push(line), { clock, signal }).then(text => (result = text))
  assert.ok(await clock.run(() => result !== '', 300_000))
  assert.deepEqual([result, said], ['fetched', ['waiting for another apt', 'waiting for another apt']])
})

test('a lock that is held for five minutes ends it, with what to do', async () => {
  const clock = new VirtualClock()
  let error: AppError | null = null
  const run = () => Promise.reject(locked[0]!)
  onceUnlocked(run, () => {}, { clock, signal }).catch((caught: AppError) => (error = caught))
  assert.ok(await clock.run(() => error !== null, 310_000))
  assert.match(error!.hint ?? '', /when it has ended, run the same again/)
  assert.deepEqual(error!.details, locked[0]!.details)
})

test('any other failure is not repeated', async () => {
  const run = () => Promise.reject(failure('E: Unable to locate package docker.io'))
  await assert.rejects(
    onceUnlocked(run, () => {}, { clock: new VirtualClock(), signal }),
    /exited 100/,
  )
})
