import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseLane, parseRelease, parseRoute } from './requests.ts'

const lane = {
  app: 'shop',
  environment: 'production',
  release: 3,
  processes: 2,
  protocol: 'h1',
  healthPath: '/health?deep=1',
  firstByteSeconds: 30,
  idleSeconds: 55,
}

void suite("what reaches HAProxy's runtime socket", () => {
  test('a lane is read as it is', () => {
    assert.deepEqual(parseLane(lane), lane)
    assert.equal(parseLane({ ...lane, healthPath: null }).healthPath, null)
  })

  for (const healthPath of ['health', '/a;b', '/a b', '/a\nshow info', '', 7]) {
    test(`${JSON.stringify(healthPath)} is no health check path`, () => {
      assert.throws(() => parseLane({ ...lane, healthPath }), { code: 'invalid-input' })
    })
  }

  for (const host of ['Shop.test', 'shop.test;', 'shop test', '../x', 5]) {
    test(`${JSON.stringify(host)} is no host`, () => {
      assert.throws(() => parseRoute({ ...lane, hosts: [host] }), { code: 'invalid-input' })
    })
  }

  test('a release is a whole number from 1', () => {
    assert.equal(parseRelease('shop', 'production', '12').release, 12)
    for (const release of ['0', '1.5', 'x', undefined]) {
      assert.throws(() => parseRelease('shop', 'production', release), { code: 'invalid-input' })
    }
  })
})
