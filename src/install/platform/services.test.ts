import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decisions } from '../steps/decisions.ts'
import { controlService, registryService, serviceJson, specKey, specLabel, type ServiceFacts } from './services.ts'

const image = (id: string, digest: string | null = null) => ({ key: 'k', id: `sha256:${id}`, digest })
const decisions: Decisions = {
  version: 1,
  baseDomain: 'example.com',
  node: 'n1',
  clusterAddress: '10.0.0.5',
  clusterInterface: 'shared',
  addressPool: '10.192.0.0/12',
  gatewaySubnet: '172.30.240.0/20',
  certificates: null,
  proxy: null,
  helloDeployed: false,
  images: {
    base: image('b', 'sha256:bb'),
    node: image('n', 'sha256:nn'),
    control: image('c'),
    registry: image('r'),
    builder: image('u'),
  },
}
const facts: ServiceFacts = { decisions, nodeId: 'node1', networkId: 'net1', dataKeyId: 'key1', version: '0.1.0' }

test('service and container carry the same labels, the release’s number included', () => {
  const json = serviceJson(controlService(facts), 7)
  assert.equal(json.TaskTemplate.ContainerSpec.Labels['lading.release'], '7')
  for (const [name, value] of Object.entries(json.TaskTemplate.ContainerSpec.Labels))
    assert.equal(json.Labels[name], value)
  assert.ok(json.TaskTemplate.ContainerSpec.Env.includes('LADING_RELEASE=7'))
})

test('platform images are named by id, so that Swarm asks no registry', () => {
  assert.equal(serviceJson(registryService(facts), 1).TaskTemplate.ContainerSpec.Image, 'sha256:r')
})

test('another base image makes another control plane, and nothing else does', () => {
  const key = specKey(controlService(facts))
  const images = { ...decisions.images, base: image('b2', 'sha256:b2') }
  assert.equal(specKey(controlService({ ...facts, decisions: { ...decisions, helloDeployed: true } })), key)
  assert.notEqual(specKey(controlService({ ...facts, decisions: { ...decisions, images } })), key)
  assert.equal(serviceJson(controlService(facts), 1).Labels[specLabel], key)
})

test('the control plane publishes its port in host mode, and no secret is in its environment', () => {
  const json = serviceJson(controlService(facts), 1)
  assert.deepEqual(json.EndpointSpec, {
    Mode: 'dnsrr',
    Ports: [{ Protocol: 'tcp', TargetPort: 8080, PublishMode: 'host' }],
  })
  assert.ok(json.TaskTemplate.ContainerSpec.Env.every(line => !/KEY=|TOKEN=/.test(line)))
})
