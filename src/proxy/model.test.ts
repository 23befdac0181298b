import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseAppName, parseHostName, production } from '../core/names.ts'
import type { LaneSpec } from '../edge/edges.ts'
import { mapChanges, mapsOf } from './haproxy/maps.ts'
import * as models from './model.ts'

function lane(app: string, release: number, changes: Partial<LaneSpec> = {}): LaneSpec {
  const times = { firstByteSeconds: 30, idleSeconds: 55 }
  const key = { app: parseAppName(app), environment: production, release }
  return { ...key, processes: 1, protocol: 'h1', healthPath: null, ...times, ...changes }
}
const firstFree = (free: readonly string[]) => free[0]
const shop = parseHostName('shop.test')

void suite('what an edge was told', () => {
  const allocated = models.withLane(models.emptyModel, lane('shop', 1), firstFree)
  const routed = models.withRoute(allocated, { ...lane('shop', 1), hosts: [shop] })

  test('kind of check and size decide the pool', () => {
    const lanes = [lane('a', 1), lane('a', 2, { healthPath: '/up' }), lane('a', 3, { processes: 3, protocol: 'h2c' })]
    const model = lanes.reduce((sum, one) => models.withLane(sum, one, firstFree), models.emptyModel)
    assert.deepEqual(
      model.lanes.map(one => one.backend),
      ['h1_tcp_4_1', 'h1_http_4_1', 'h2c_tcp_16_1'],
    )
  })

  test('a release with more processes than any lane has room for is refused', () => {
    assert.throws(() => models.withLane(allocated, lane('big', 1, { processes: 33 }), firstFree), {
      code: 'invalid-input',
    })
  })

  test('an edge without a free place says that it makes room, and when to come again', () => {
    assert.throws(() => models.withLane(allocated, lane('shop', 2), () => undefined), {
      code: 'no-room',
      message: 'the edge has no free place for another release now; it makes room by itself',
      hint: 'Push again in half a minute.',
      retryable: true,
    })
  })

  test('a lane may change its time-outs, not its kind', () => {
    const changed = models.withLane(allocated, lane('shop', 1, { idleSeconds: 99 }), firstFree)
    assert.equal(changed.lanes.length, 1)
    assert.equal(changed.lanes[0]?.spec.idleSeconds, 99)
    assert.throws(() => models.withLane(allocated, lane('shop', 1, { processes: 9 }), firstFree), { code: 'conflict' })
  })

  test('the maps of time-outs hold what is not the default only, for HAProxy asks them with every request', () => {
    const own = models.withLane(allocated, lane('shop', 2, { firstByteSeconds: 2 }), firstFree)
    assert.deepEqual([...mapsOf(own)['first-byte']], [['h1_tcp_4_2', '2000']])
    assert.deepEqual([...mapsOf(own).idle], [])
    const back = models.withLane(own, lane('shop', 2), firstFree)
    assert.deepEqual(mapChanges(mapsOf(own), mapsOf(back)), [{ map: 'first-byte', key: 'h1_tcp_4_2', kind: 'del' }])
  })

  test('a switch is one change of one map', () => {
    const next = models.withLane(routed, lane('shop', 2), firstFree)
    const switched = models.withRoute(next, { ...lane('shop', 2), hosts: [shop] })
    assert.deepEqual(mapChanges(mapsOf(next), mapsOf(switched)), [
      { map: 'lanes', key: 'shop/production', value: 'h1_tcp_4_2', kind: 'set' },
    ])
  })

  test('a first route states the lane before the host, and taking it off goes the other way round', () => {
    assert.deepEqual(mapChanges(mapsOf(allocated), mapsOf(routed)), [
      { map: 'lanes', key: 'shop/production', value: 'h1_tcp_4_1', kind: 'add' },
      { map: 'hosts', key: 'shop.test', value: 'shop/production', kind: 'add' },
    ])
    const off = models.withoutRoute(routed, lane('shop', 1))
    assert.deepEqual(mapChanges(mapsOf(routed), mapsOf(off)), [
      { map: 'hosts', key: 'shop.test', kind: 'del' },
      { map: 'lanes', key: 'shop/production', kind: 'del' },
    ])
  })

  test('a pool grows when it runs low, and only then', () => {
    assert.equal(models.refilled(allocated), allocated)
    let model = models.emptyModel
    for (let app = 0; app < 17; app++) model = models.withLane(model, lane(`app${app}`, 1), firstFree)
    assert.equal(models.refilled(model).pools.h1_tcp_4, 64)
  })
})
