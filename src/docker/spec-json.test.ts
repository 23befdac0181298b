import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import type { ServiceSpec } from './engine.ts'
import { assertOneOffKept, assertServiceKept, differences, notRoot, oneOffJson, serviceJson } from './spec-json.ts'

const spec: ServiceSpec = {
  name: 'l-shop-production-v1-web',
  labels: { 'lading.app': 'shop' },
  image: `127.0.0.1:5443/shop@sha256:${'0'.repeat(64)}`,
  command: ['sh', '-c', 'node server.js'],
  env: { PORT: '8080', TOKEN: new Secret('s3cret') },
  replicas: 2,
  network: 'l-shop',
  port: 8080,
  stopSeconds: 30,
  policy: { memory: 512, cpus: 0.5, pids: 64, tmpBytes: 1024, openFiles: 1024, dropCapabilities: ['NET_RAW'] },
}

test('a service is dnsrr, with a host-mode port without number, and its labels are on the container too', () => {
  const json = serviceJson(spec, true)
  assert.deepEqual(json.EndpointSpec, {
    Mode: 'dnsrr',
    Ports: [{ Protocol: 'tcp', TargetPort: 8080, PublishMode: 'host' }],
  })
  assert.deepEqual(json.TaskTemplate.ContainerSpec.Labels, json.Labels)
  assert.deepEqual(json.TaskTemplate.ContainerSpec.Env, ['PORT=8080', 'TOKEN=s3cret'])
})

test("an image's HEALTHCHECK is off, and an engine that keeps it on is refused", () => {
  const sent = serviceJson(spec, true)
  assert.deepEqual(sent.TaskTemplate.ContainerSpec.Healthcheck, { Test: ['NONE'] })
  const kept = structuredClone(sent) as { TaskTemplate: { ContainerSpec: { Healthcheck?: object } } }
  delete kept.TaskTemplate.ContainerSpec.Healthcheck
  assert.throws(() => assertServiceKept(sent, kept), /Healthcheck/)
})

test('what the engine adds is no difference; what it drops or changes is', () => {
  assert.deepEqual(differences({ a: 1, b: [{ c: 2 }] }, { a: 1, b: [{ c: 2, d: 3 }], e: 4 }, ''), [])
  assert.deepEqual(differences({ a: 1, b: [{ c: 2 }] }, { a: 2, b: [] }, ''), ['a', 'b'])
})

test('a policy field that an old engine drops fails, by name, and shows no secret', () => {
  const sent = serviceJson(spec, true)
  const kept = structuredClone(sent) as { TaskTemplate: { Resources: { Limits: { Pids?: number } } } }
  assertServiceKept(sent, kept)
  delete kept.TaskTemplate.Resources.Limits.Pids
  assert.throws(
    () => assertServiceKept(sent, kept),
    (error: unknown) =>
      error instanceof AppError && error.message.includes('Resources.Limits.Pids') && !error.message.includes('s3cret'),
  )
})

test('no process of an app gains privileges by a setuid file, and an engine that forgets it is refused', () => {
  const sent = serviceJson(spec, true)
  assert.deepEqual(sent.TaskTemplate.ContainerSpec.Privileges, { NoNewPrivileges: true })
  const kept = structuredClone(sent)
  delete kept.TaskTemplate.ContainerSpec.Privileges
  assert.throws(() => assertServiceKept(sent, kept), /ContainerSpec\.Privileges/)
  const oneOff = oneOffJson({ ...spec, command: ['true'] })
  assertOneOffKept('phase', oneOff, oneOff)
  const without = { ...oneOff, HostConfig: { ...oneOff.HostConfig, SecurityOpt: [] } }
  assert.throws(() => assertOneOffKept('phase', oneOff, without), /SecurityOpt/)
})

test('an engine that knows no such field for services (20.10) is not asked for it', () => {
  const sent = serviceJson(spec, false)
  assert.equal('Privileges' in sent.TaskTemplate.ContainerSpec, false)
  assertServiceKept(sent, structuredClone(sent))
})

test('a container that may not be root keeps a user of its image that is none, and is nobody otherwise', () => {
  for (const user of ['', 'root', '0', '00:00', '0:1000', 'root:app', ':0', 'app:0', 'app:root'])
    assert.equal(notRoot(user), '65534:65534', user)
  for (const user of ['app', '1000', '1000:1000', 'node:node']) assert.equal(notRoot(user), user)
  const sent = oneOffJson({ ...spec, command: ['true'] }, 'app')
  assertOneOffKept('step', sent, { HostConfig: sent.HostConfig, Config: { User: 'app' } })
  assert.throws(
    () => assertOneOffKept('step', sent, { HostConfig: sent.HostConfig, Config: { User: '' } }),
    /Config\.User/,
  )
})
