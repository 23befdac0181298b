import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../core/errors.ts'
import { foreignSwarm, isDeadSwarm, requireOwnSwarm } from './swarm-state.ts'
import type { Decisions } from '../steps/decisions.ts'

const site = {
  decided: true,
  decisions: { clusterAddress: '10.64.0.1', clusterInterface: 'reserved' } as Decisions,
}

test('where Lading is installed, a swarm that does not start is its own, and no one is told to leave it', () => {
  const error = 'bind: cannot assign requested address'
  for (const state of ['pending', 'error', 'worker'])
    assert.throws(
      () => requireOwnSwarm({ state, error }, site),
      (thrown: AppError) =>
        thrown.message === `Lading's swarm does not start: ${error}` &&
        /Is 10\.64\.0\.1 on this machine .* Do not leave the swarm: the data key is in it\./.test(thrown.hint ?? ''),
    )
  assert.throws(() => requireOwnSwarm({ state: 'locked', error: '' }, site), {
    hint: /docker swarm unlock.*Do not leave/,
  })
  for (const state of ['ours', 'inactive']) requireOwnSwarm({ state, error: '' }, site)
})

test('only a swarm that runs without our label is one that Lading did not make', () => {
  const said = (state: string, error = '') => foreignSwarm({ state, error }).map(({ what, next }) => `${what} ${next}`)
  assert.match(said('active').join(), /did not make.*docker swarm leave --force/)
  assert.match(said('error', 'no address').join(), /does not start: no address/)
  assert.doesNotMatch(said('error', 'no address').join(), /leave/)
  assert.deepEqual(foreignSwarm({ state: 'ours', error: '' }), [])
  assert.deepEqual(foreignSwarm({ state: 'inactive', error: '' }), [])
})

test('a purge leaves a swarm that does not start, and refuses on a worker before it removes anything', () => {
  const isDead = (state: string) => isDeadSwarm({ state, error: '' })
  for (const state of ['pending', 'error', 'locked']) assert.ok(isDead(state))
  for (const state of ['ours', 'active', 'inactive']) assert.ok(!isDead(state))
  assert.throws(() => isDead('worker'), { code: 'conflict', hint: /Nothing was removed\..*docker swarm leave/ })
})
