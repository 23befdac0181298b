import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaults } from '../core/defaults.ts'
import { exposedPort, withExposedPort } from './exposed-port.ts'

const of = (...ports: readonly string[]) =>
  exposedPort({ ExposedPorts: Object.fromEntries(ports.map(port => [port, {}])) })

test('the one TCP port that an image exposes is where it listens', () => {
  assert.equal(of('80/tcp'), 80)
  assert.equal(of('3000'), 3000)
  assert.equal(of('53/udp', '8000/tcp'), 8000)
})

test('of no port, several, or one that cannot be, nothing is guessed', () => {
  assert.equal(exposedPort({}), null)
  assert.equal(exposedPort({ ExposedPorts: null }), null)
  for (const ports of [['80/tcp', '443/tcp'], ['53/udp'], ['0/tcp'], ['70000/tcp'], ['80-90/tcp']]) {
    assert.equal(of(...ports), null)
  }
})

test('lading.yaml counts before the image, and only a Dockerfile of the repository is asked', () => {
  const config = { ExposedPorts: { '80/tcp': {} } }
  const { settings } = defaults
  assert.equal(withExposedPort(settings, { stack: 'dockerfile', config }).port, 80)
  assert.equal(withExposedPort({ ...settings, port: 3000 }, { stack: 'dockerfile', config }).port, 3000)
  assert.equal(withExposedPort(settings, { stack: 'node', config }).port, undefined)
})
