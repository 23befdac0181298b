import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builderSpec } from '../../build/builder/cage.ts'
import { defaultLimits } from '../../core/limits.ts'
import { followerJson } from './follower.ts'
import { keeperJson } from './keeper.ts'
import { privileges, type Privileges } from './privileges.ts'
import { controlService, registryService, serviceJson, type ServiceFacts } from './services.ts'

const decisions = { images: {}, node: 'n1', clusterAddress: '10.0.0.5', baseDomain: 'example.com', proxy: null }
const facts = { decisions, nodeId: 'n', networkId: 'net', dataKeyId: 'k', version: '0.1.0' } as unknown as ServiceFacts

/** Whatever else an engine could be asked for stands in no one's spec. */
const never = ['Privileged', 'Devices', 'DeviceRequests', 'UsernsMode', 'IpcMode', 'UTSMode', 'CgroupnsMode', 'Sysctls']

interface HostConfig {
  readonly [name: string]: unknown
}

function compare(config: HostConfig, may: Privileges): void {
  assert.equal(config['NetworkMode'] ?? 'bridge', may.network)
  assert.equal(config['PidMode'] ?? '', may.pid)
  assert.deepEqual(config['CapAdd'] ?? [], may.capAdd)
  assert.deepEqual(config['CapDrop'] ?? [], may.capDrop)
  assert.deepEqual(config['SecurityOpt'] ?? [], may.securityOpt)
  assert.equal(config['ReadonlyRootfs'] ?? false, may.readOnlyRoot)
  assert.deepEqual(
    Object.keys(config).filter(name => never.includes(name)),
    [],
  )
}

test('plain containers of the platform are asked for as the table says', () => {
  const keeper = keeperJson(facts.decisions).HostConfig
  compare(keeper, privileges.keeper)
  assert.deepEqual(keeper.Binds, [
    '/run:/run',
    '/var/lib/lading/keeper:/var/lib/lading/keeper',
    '/etc/lading:/etc/lading:ro',
  ])
  const logs = followerJson(facts.decisions, '/var/lib/docker').HostConfig
  compare(logs, privileges.logs)
  assert.deepEqual(
    logs.Mounts.map(({ Source, ReadOnly }) => `${Source} ${ReadOnly}`),
    [
      '/var/lib/docker/containers true',
      '/var/lib/lading/logs false',
      '/run/lading/logs false',
      '/run/lading/router true',
    ],
  )
  const builder = builderSpec({ image: 'i', gateSocket: '/run/lading/builder/registry.sock' }, defaultLimits)
  compare(builder['HostConfig'] as HostConfig, privileges.builder)
})

test('services of the platform are asked for as the table says, and for nothing else', () => {
  for (const [service, may] of [
    [registryService(facts), privileges.registry],
    [controlService(facts), privileges.control],
  ] as const) {
    const { ContainerSpec } = serviceJson(service, 1).TaskTemplate
    assert.deepEqual(
      ContainerSpec.Mounts.map(({ Source, Target, ReadOnly }) => ({
        source: Source,
        target: Target,
        readOnly: ReadOnly,
      })),
      may.mounts,
    )
    assert.deepEqual(ContainerSpec.CapabilityDrop, may.capDrop)
    assert.deepEqual(Object.keys(ContainerSpec).sort(), [
      'CapabilityDrop',
      'Env',
      'Image',
      'Init',
      'Labels',
      'Mounts',
      'Secrets',
      'StopGracePeriod',
    ])
  }
})

test('only the control plane and the keeper see the folder of all sockets', () => {
  const seeing = Object.entries(privileges).filter(([, may]) =>
    (may as Privileges).mounts.some(({ source }) => source === '/run' || source === '/run/lading'),
  )
  assert.deepEqual(
    seeing.map(([name]) => name),
    ['keeper', 'control'],
  )
})
