import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeCluster } from '../../test/doubles/engine.ts'
import { eventually } from '../../test/rig/eventually.ts'
import { AppError } from '../core/errors.ts'
import { label, type Labels } from '../core/labels.ts'
import { stoppedOf } from '../core/stopped.ts'
import { systemClock } from '../core/system.ts'
import type { Engine } from '../docker/engine.ts'
import { GiB, MiB } from '../lib/format.ts'
import { DiskGuard, largestWriter } from './disk-guard.ts'

const never = new AbortController().signal
const limits = () => ({ guardFreeBytes: 768 * MiB, guardAppBytes: 256 * MiB })
const policy = { memory: MiB, cpus: 1, pids: 10, tmpBytes: MiB, openFiles: 100, dropCapabilities: [] }

function labelsOf(app: string, type: string): Labels {
  return {
    [label.app]: app,
    [label.environment]: 'production',
    [label.type]: type,
    [label.release]: '3',
    [label.role]: 'process',
  }
}

/** Two apps that run, of one a worker too, on an engine whose disk has `free` bytes. */
async function makeWorld() {
  const cluster = new FakeCluster({ clock: systemClock })
  const engine = cluster.engine()
  const said: string[] = []
  const disk = { free: 10 * GiB, looks: 0 }
  const log = (event: string, facts: Readonly<Record<string, unknown>>) => {
    said.push(`${event}: ${String(facts['reason'] ?? facts['because'] ?? facts['error'] ?? facts['free'])}`)
  }
  const guardOn = (through: Pick<Engine, 'diskUse' | 'haltService' | 'removeContainer'>) =>
    new DiskGuard({
      engine: through,
      clock: systemClock,
      log,
      limits,
      freeBytes: async () => (disk.looks++, disk.free),
    })
  const one = { image: 'i', command: null, env: {}, network: 'n', port: 8080, stopSeconds: 1, policy }
  await engine.ensureNetwork('n', {}, never)
  for (const [app, type] of [
    ['blog', 'web'],
    ['shop', 'web'],
    ['shop', 'worker'],
  ] as const)
    await engine.createService({ ...one, name: `${app}-${type}`, labels: labelsOf(app, type), replicas: 1 }, never)
  const running = () => cluster.processes.all().filter(process => process.state === 'running')
  await eventually('all run', async () => running().length === 3)
  const write = (service: string, bytes: number) =>
    cluster.processes.write(running().find(process => process.service === service)!.container, bytes)
  const names = () => running().map(process => process.service)
  return { cluster, engine, guardOn, disk, said, write, names }
}

test('an app that fills the disk is stopped and named, once; the others live', async () => {
  const { engine, guardOn, disk, said, write, names } = await makeWorld()
  const guard = guardOn(engine)
  write('shop-worker', 5 * GiB)
  write('blog-web', 300 * MiB)
  await guard.look(never)
  assert.equal(names().length, 3, 'while there is room nothing is stopped, whatever he wrote')

  disk.free = 700 * MiB
  await guard.look(never)
  assert.deepEqual(names(), ['blog-web', 'shop-web'])
  const sentence = 'worker of v3 was stopped by the platform: it had written 5 GiB, and the disk was nearly full'
  assert.deepEqual(said, [`stopped for the disk: ${sentence}`])
  const halted = (await engine.listServices({ [label.app]: 'shop', [label.type]: 'worker' }, never))[0]!
  assert.deepEqual([halted.replicas, stoppedOf(halted.labels)?.bytes], [0, 5 * GiB])

  disk.free = 6 * GiB
  await guard.look(never)
  assert.deepEqual(names(), ['blog-web', 'shop-web'])
  assert.deepEqual(said.slice(1), [`disk has room again: ${6 * GiB}`])
})

test('what is left of ended containers counts: an app that writes and crashes eats too', async () => {
  const { cluster, engine, guardOn, disk, write, names } = await makeWorld()
  write('shop-web', 200 * MiB)
  cluster.processes.kill(cluster.processes.all().find(process => process.service === 'shop-web')!.container, 1)
  await eventually('it runs again', async () => names().length === 3)
  write('shop-web', 100 * MiB)
  disk.free = 1
  await guardOn(engine).look(never)
  assert.deepEqual(names(), ['blog-web', 'shop-worker'])
})

test('a disk that is low without an app to blame stops nothing, and is said once', async () => {
  const { engine, guardOn, disk, said, write, names } = await makeWorld()
  const guard = guardOn(engine)
  write('shop-web', 255 * MiB)
  disk.free = 0
  await guard.look(never)
  await guard.look(never)
  assert.equal(names().length, 3)
  assert.deepEqual(said, [`disk is low: no app has written ${256 * MiB} bytes`])
})

test('where the disk is so full that Swarm cannot write its word, room is made first', async () => {
  const { engine, guardOn, disk, write, names } = await makeWorld()
  const steps: string[] = []
  const full = {
    diskUse: (signal: AbortSignal) => engine.diskUse(signal),
    removeContainer: async (id: string, signal: AbortSignal) => {
      steps.push('remove')
      await engine.removeContainer(id, signal)
    },
    haltService: async (name: string, labels: Labels, signal: AbortSignal) => {
      steps.push('halt')
      if (!steps.includes('remove')) throw new AppError('internal', 'no space left on device')
      await engine.haltService(name, labels, signal)
    },
  }
  write('shop-web', GiB)
  disk.free = 0
  await guardOn(full).look(never)
  assert.deepEqual(steps.slice(0, 3), ['halt', 'remove', 'halt'])
  assert.deepEqual(names(), ['blog-web', 'shop-worker'])
})

test('an engine that does not answer ends nothing: the guard looks again', async () => {
  const { engine, guardOn, disk, said, write, names } = await makeWorld()
  const stop = new AbortController()
  let asked = 0
  const diskUse: Engine['diskUse'] = signal => {
    if (asked++ === 0) return Promise.reject(new AppError('unavailable', 'no engine answers'))
    return engine.diskUse(signal)
  }
  write('shop-web', GiB)
  disk.free = 0
  const running = guardOn({ ...engine, diskUse }).run(stop.signal)
  await eventually('it is stopped', async () => names().length === 2)
  stop.abort(new Error('enough'))
  await assert.rejects(running, /enough/)
  assert.equal(said[0], 'disk not guarded: no engine answers')
})

test('the platform itself is never stopped; a one-off is, by itself', () => {
  const ofRole = (container: string, role: string, bytes: number) => ({
    container,
    service: null,
    labels: { ...labelsOf('shop', 'web'), [label.role]: role },
    bytes,
  })
  const all = [
    ofRole('registry', 'platform', 9 * GiB),
    ofRole('run', 'one-off', GiB),
    ofRole('phase', 'release-phase', 2),
    ofRole('step', 'verify', 3),
  ]
  assert.equal(largestWriter(all, MiB)?.containers[0]?.container, 'run')
  assert.equal(largestWriter(all, 2 * GiB), null)
})
