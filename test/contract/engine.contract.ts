import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AppError, type ErrorCode } from '../../src/core/errors.ts'
import { label, type Labels } from '../../src/core/labels.ts'
import type { Engine, LogLine, OneOffSpec, ServiceSpec } from '../../src/docker/engine.ts'
import { eventually } from '../rig/eventually.ts'

export interface Ground {
  readonly engine: Engine
  /** An image with a POSIX shell. */
  readonly image: string
  /** Prefix of all names of this run, so that two runs on one engine do not meet. */
  readonly prefix: string
  /** Of 2 MiB that a shell writes, so much is seen at least: a fake runs no shell. */
  readonly wrote: number
}

const policy = {
  memory: 64 * 1024 * 1024,
  cpus: 0.5,
  pids: 64,
  tmpBytes: 1024 * 1024,
  openFiles: 1024,
  dropCapabilities: ['NET_RAW'],
}
const patient = AbortSignal.timeout(300_000)

/** The law of the port `Engine`, for every implementation of it. */
export function engineContract(name: string, ground: Ground): void {
  const { engine, prefix } = ground
  const network = `${prefix}net`
  const labels: Labels = { [label.app]: prefix.slice(0, -1), [label.role]: 'process' }
  const signal = patient
  const serviceSpec = (suffix: string, changes: Partial<ServiceSpec> = {}): ServiceSpec => ({
    name: prefix + suffix,
    labels,
    image: ground.image,
    command: ['sh', '-c', 'exec sleep 1000'],
    env: { GREETING: 'hello' },
    replicas: 1,
    network,
    port: 8080,
    stopSeconds: 1,
    policy,
    ...changes,
  })
  const oneOffSpec = (suffix: string, command: string): OneOffSpec => ({
    name: prefix + suffix,
    labels: { ...labels, [label.role]: 'one-off' },
    image: ground.image,
    command: ['sh', '-c', command],
    env: {},
    network,
    policy,
  })
  const lines = async (container: string, options: { tail?: number; follow?: boolean }): Promise<LogLine[]> =>
    Array.fromAsync(engine.logs(container, options, signal))

  void suite(`the engine port: ${name}`, () => {
    test('a network made twice is one network', async () => {
      await engine.ensureNetwork(network, labels, signal)
      await engine.ensureNetwork(network, labels, signal)
      const found = await engine.listNetworks(labels, signal)
      assert.deepEqual(
        found.map(one => [one.name, one.labels]),
        [[network, labels]],
      )
      assert.deepEqual(await engine.listNetworks({ ...labels, [label.run]: 'other' }, signal), [])
    })

    test('a service made twice is one service, found by its labels, and its process runs', async () => {
      await engine.createService(serviceSpec('web'), signal)
      await engine.createService(serviceSpec('web', { replicas: 3 }), signal)
      const found = await engine.listServices(labels, signal)
      assert.deepEqual(
        found.map(service => [service.name, service.replicas, service.labels]),
        [[`${prefix}web`, 1, labels]],
      )
      const task = await eventually('the task runs', async () =>
        (await engine.listTasks(`${prefix}web`, signal)).find(one => one.state === 'running'),
      )
      assert.equal(task.slot, 1)
      assert.ok(task.node)
      assert.ok(task.container)
      assert.equal(task.exitCode, null)
    })

    test('services are found only by all of their labels', async () => {
      const found = await engine.listServices({ ...labels, [label.type]: 'worker' }, signal)
      assert.deepEqual(found, [])
    })

    test('a network that is in use cannot be removed, and says conflict', async () => {
      await rejects(engine.removeNetwork(network, signal), 'conflict')
    })

    test('a process that exits shows its code, and a new task takes its place', async () => {
      await engine.createService(serviceSpec('crash', { command: ['sh', '-c', 'exit 3'], port: null }), signal)
      const tasks = await eventually('two tasks', async () => {
        const all = await engine.listTasks(`${prefix}crash`, signal)
        return all.length > 1 && all.some(one => one.state === 'failed') && all
      })
      const failed = tasks.find(one => one.state === 'failed')
      assert.equal(failed?.exitCode, 3)
      assert.match(failed.error ?? '', /non-zero exit \(3\)/)
      await engine.removeService(`${prefix}crash`, signal)
    })

    test('an image that does not exist is told by the task', async () => {
      const image = `127.0.0.1:5443/missing@sha256:${'0'.repeat(64)}`
      await engine.createService(serviceSpec('missing', { image, port: null }), signal)
      const task = await eventually('a rejected task', async () =>
        (await engine.listTasks(`${prefix}missing`, signal)).find(one => one.state === 'rejected'),
      )
      assert.match(task.error ?? '', /No such image/)
      await engine.removeService(`${prefix}missing`, signal)
    })

    test('a process without room stays pending and says why', async () => {
      const greedy = { ...policy, reservedMemory: 2 ** 50 }
      await engine.createService(serviceSpec('huge', { policy: greedy, port: null }), signal)
      const task = await eventually('the reason', async () =>
        (await engine.listTasks(`${prefix}huge`, signal)).find(one => one.error !== null),
      )
      assert.equal(task.state, 'pending')
      assert.match(task.error ?? '', /no suitable node \(insufficient resources/)
      await engine.removeService(`${prefix}huge`, signal)
    })

    test('a service that is halted has no process any more, keeps its labels, and says why; what it wrote was seen', async () => {
      const command = ['sh', '-c', 'dd if=/dev/zero of=/eaten bs=1024 count=2048 2>/dev/null; exec sleep 1000']
      await engine.createService(serviceSpec('eater', { command, port: null }), signal)
      const eaten = await eventually('what it wrote', async () =>
        (await engine.diskUse(signal)).find(one => one.service === `${prefix}eater` && one.bytes >= ground.wrote),
      )
      assert.equal(eaten.labels[label.app], labels[label.app])
      const why = { [label.stopped]: 'disk 1 2' }
      await engine.haltService(`${prefix}eater`, why, signal)
      await engine.haltService(`${prefix}eater`, why, signal)
      await engine.removeContainer(eaten.container, signal)
      await engine.removeContainer(eaten.container, signal)
      const found = await engine.listServices({ ...labels, ...why }, signal)
      assert.deepEqual(
        found.map(service => [service.name, service.replicas]),
        [[`${prefix}eater`, 0]],
      )
      await eventually('nothing of it is left', async () => {
        const left = (await engine.diskUse(signal)).filter(one => one.service === `${prefix}eater`)
        return left.length === 0 && (await engine.listTasks(`${prefix}eater`, signal)).length === 0
      })
      await engine.removeService(`${prefix}eater`, signal)
      await engine.haltService(`${prefix}eater`, why, signal)
    })

    test('removing a service twice is no error, and its tasks are gone', async () => {
      await engine.removeService(`${prefix}web`, signal)
      await engine.removeService(`${prefix}web`, signal)
      assert.deepEqual(await engine.listTasks(`${prefix}web`, signal), [])
      assert.deepEqual(await engine.listServices(labels, signal), [])
    })

    test('a one-off started twice runs once, and keeps its exit code until it is removed', async () => {
      const spec = oneOffSpec('once', 'echo out; echo err >&2; exit 7')
      await engine.startOneOff(spec, signal)
      await eventually('its end', async () => (await engine.inspectOneOff(spec.name, signal))?.running === false)
      await engine.startOneOff(spec, signal)
      assert.deepEqual(await engine.inspectOneOff(spec.name, signal), {
        running: false,
        exitCode: 7,
        outOfMemory: false,
      })
      assert.deepEqual(await engine.listOneOffs(spec.labels, signal), [spec.name])
      const logged = await lines(spec.name, {})
      assert.deepEqual(logged.map(line => line.text).toSorted(), ['err', 'out'])
      assert.match(logged[0]?.time ?? '', /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d+Z$/)
      await engine.removeOneOff(spec.name, signal)
      await engine.removeOneOff(spec.name, signal)
      assert.equal(await engine.inspectOneOff(spec.name, signal), null)
    })

    test('a running one-off has no exit code, can be followed to its end, and a removal kills it', async () => {
      const spec = oneOffSpec('long', 'echo one; echo two; exec sleep 1000')
      await engine.startOneOff(spec, signal)
      assert.deepEqual(await engine.inspectOneOff(spec.name, signal), {
        running: true,
        exitCode: null,
        outOfMemory: false,
      })
      await eventually('two lines', async () => (await lines(spec.name, {})).length === 2)
      assert.deepEqual((await lines(spec.name, { tail: 1 })).length, 1)
      const followed = lines(spec.name, { follow: true })
      await engine.removeOneOff(spec.name, signal)
      assert.equal((await followed).length, 2)
    })

    test('following logs ends with the reason of the signal', async () => {
      const spec = oneOffSpec('quiet', 'exec sleep 1000')
      await engine.startOneOff(spec, signal)
      const stop = new AbortController()
      const reason = new AppError('cancelled', 'enough')
      const followed = Array.fromAsync(engine.logs(spec.name, { follow: true }, stop.signal))
      stop.abort(reason)
      await assert.rejects(followed, error => error === reason)
      await engine.removeOneOff(spec.name, signal)
    })

    test('a config made twice is one config, and the first data stays', async () => {
      const configName = `${prefix}config`
      await engine.createConfig(configName, labels, Buffer.from('first'), signal)
      await engine.createConfig(configName, labels, Buffer.from('second'), signal)
      const configs = await engine.listConfigs(labels, signal)
      assert.deepEqual(
        configs.map(config => [config.name, Buffer.from(config.data).toString()]),
        [[configName, 'first']],
      )
    })

    test('of two swaps of labels on one version, the second is a conflict', async () => {
      const config = (await engine.listConfigs(labels, signal))[0]
      assert.ok(config)
      await engine.swapConfigLabels(config.id, config.version, { ...labels, holder: 'a' }, signal)
      await rejects(engine.swapConfigLabels(config.id, config.version, { ...labels, holder: 'b' }, signal), 'conflict')
      const after = (await engine.listConfigs({ ...labels, holder: 'a' }, signal))[0]
      assert.ok(after && after.version > config.version)
      await engine.removeConfig(config.name, signal)
      await engine.removeConfig(config.name, signal)
    })

    test('a call whose signal is aborted rejects with its reason', async () => {
      const reason = new AppError('lease-lost', 'over')
      await assert.rejects(engine.listServices(labels, AbortSignal.abort(reason)), error => error === reason)
    })

    test('a network that nothing uses can be removed, twice', async () => {
      await eventually('the network is free', async () => {
        await engine.removeNetwork(network, signal)
        return true
      })
      await engine.removeNetwork(network, signal)
    })
  })
}

function rejects(call: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(call, (error: unknown) => error instanceof AppError && error.code === code)
}
