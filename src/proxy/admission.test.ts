import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { VirtualClock } from '../../test/simulation/virtual-clock.ts'
import { parseAppName, parseHostName, production } from '../core/names.ts'
import type { LaneSpec } from '../edge/edges.ts'
import { Mutex } from '../lib/async/mutex.ts'
import { Admission } from './admission.ts'
import type { SlotState } from './haproxy/runtime.ts'
import type { Running } from './held-slots.ts'
import * as models from './model.ts'
import { restMs } from './slots.ts'

const key = { app: parseAppName('shop'), environment: production, release: 1 }
const times = { firstByteSeconds: 30, idleSeconds: 55 }
const lane: LaneSpec = { ...key, processes: 1, protocol: 'h1', healthPath: null, ...times }
const allocated = models.withLane(models.emptyModel, lane, free => free[0])
const serving = models.withRoute(allocated, { ...key, hosts: [parseHostName('shop.test')] })
const { backend } = allocated.lanes[0]!
const process: Running = { ...key, container: 'a', address: '10.0.0.1:1001', stopping: false }
const up: SlotState = {
  backend,
  slot: 's1',
  address: process.address,
  up: true,
  maintenance: false,
  weight: 100,
  passed: 1_000_000_000,
}

/** An admission beside a HAProxy whose slots say what the test says; what it is told is kept. */
function beside(model: models.EdgeModel) {
  const clock = new VirtualClock()
  const haproxy = { states: [] as SlotState[], reported: [] as string[] }
  const admission = new Admission({
    clock,
    exclusive: new Mutex(),
    model: () => model,
    runtime: () => ({
      slots: () => Promise.resolve(haproxy.states),
      lastChecks: () => Promise.resolve(new Map<string, string>()),
      change: commands => {
        haproxy.reported.push(...commands)
        for (const command of commands)
          if (command === `set server ${backend}/s1 weight 100%`)
            haproxy.states = haproxy.states.map(one => ({ ...one, up: true, weight: 100 }))
        return Promise.resolve()
      },
    }),
    log: line => assert.fail(line),
    changed: () => undefined,
  })
  admission.put(process)
  return { admission, haproxy, clock }
}

/** The loop, for as long as nothing but time could change something. */
async function looked({ admission, clock }: ReturnType<typeof beside>): Promise<void> {
  const stop = new AbortController()
  const loop = admission.run(stop.signal).catch(() => undefined)
  await clock.pass(restMs)
  stop.abort()
  await clock.pass(restMs)
  await loop
}

void suite('what admission takes for proof', () => {
  test('a keeper that starts lets in at once who serves, and no one else without a check', () => {
    const serves = beside(serving)
    serves.admission.adopt([])
    assert.equal(serves.admission.admitted().get(backend)?.get(1), process.address)
    assert.equal(serves.admission.proofOf('a').proof, 'checking')

    const warm = beside(allocated)
    warm.admission.adopt([])
    assert.equal(warm.admission.admitted().get(backend)?.size, 0)
    assert.equal(warm.admission.proofOf('a').proof, 'checking')
  })

  test('what the HAProxy before held as up stays in, if the engine vouches for that very address', () => {
    const same = beside(allocated)
    same.admission.adopt([up])
    assert.equal(same.admission.proofOf('a').proof, 'proven')

    const moved = beside(allocated)
    moved.admission.adopt([{ ...up, address: '10.0.0.9:1001' }])
    assert.equal(moved.admission.admitted().get(backend)?.size, 0)

    const down = beside(allocated)
    down.admission.adopt([{ ...up, up: false }])
    assert.equal(down.admission.admitted().get(backend)?.size, 0)
  })

  const waiting = { ...up, up: false, weight: 0 }
  for (const [title, state, proof] of [
    ['a check that passed', { ...waiting, passed: 1 }, 'proven'],
    ['no check yet', { ...waiting, passed: 0 }, 'checking'],
    ['a check that passed at another address', { ...waiting, passed: 1, address: '10.0.0.9:1001' }, 'checking'],
  ] as const) {
    test(`${title}: ${proof}`, async () => {
      const one = beside(allocated)
      one.haproxy.states = [state]
      await looked(one)
      assert.equal(one.admission.proofOf('a').proof, proof)
      assert.equal(
        one.haproxy.reported.some(command => command.endsWith('weight 100%')),
        proof === 'proven',
      )
    })
  }
})
