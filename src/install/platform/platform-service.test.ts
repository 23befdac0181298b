import assert from 'node:assert/strict'
import { test } from 'node:test'
import { environmentOf, serviceSpec, withRelease } from './platform-service.ts'

const spec = serviceSpec.parse({
  Name: 'lading-control',
  Labels: { 'lading.release': '3', 'lading.spec': 'aa' },
  TaskTemplate: {
    ContainerSpec: {
      Image: 'sha256:1',
      Labels: { 'lading.release': '3', 'lading.role': 'platform' },
      Env: ['LADING_RELEASE=3', 'LADING_VERSION=0.1.0', 'PORT=8080'],
      StopGracePeriod: 30e9,
    },
    Placement: { Constraints: ['node.role==manager'] },
  },
  Mode: { Replicated: { Replicas: 1 } },
})

test('the way back is the next release of what was there, and nothing else of it changes', () => {
  const next = withRelease(spec, 5)
  const text = (value: unknown) => JSON.stringify(value)
  assert.equal(
    text(next),
    text(spec).replaceAll('"lading.release":"3"', '"lading.release":"5"').replace('SE=3', 'SE=5'),
  )
})

test('an environment is read by the whole name', () => {
  assert.equal(environmentOf(spec, 'LADING_VERSION'), '0.1.0')
  assert.equal(environmentOf(spec, 'VERSION'), null)
})
