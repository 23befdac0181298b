import assert from 'node:assert/strict'
import { test } from 'node:test'
import { image, shop } from '../../test/doubles/api.ts'
import { parseNodeName, parseRunId, web } from '../core/names.ts'
import type { Release } from '../core/release.ts'
import { systemClock } from '../core/system.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import type { ProcessView } from '../edge/edges.ts'
import { FakeEdges } from '../../test/doubles/edges.ts'
import { diagnose } from './diagnose.ts'
import { releasePhaseSpec } from './spec.ts'

const never = new AbortController().signal
const release: Release = {
  ...shop,
  number: 2,
  image,
  commit: null,
  author: 'Ann',
  config: 1,
  formation: {},
  verdict: { outcome: 'nothing-tested', sentence: 'No CI steps.' },
  description: 'Deploy',
  by: 'ann',
  createdAt: 0,
  run: parseRunId('run00000001'),
}

/** A container that wrote these lines, as the view of a process that has crashed. */
async function crashed(lines: readonly string[]) {
  const behaviour = { startMs: 0, listenMs: null, stopMs: 0, lines }
  const cluster = new FakeCluster({ clock: systemClock, behaviourOf: () => behaviour })
  const engine = cluster.engine()
  const spec = releasePhaseSpec(release, 'node server.js', {})
  await engine.ensureNetwork(spec.network, spec.labels, never)
  await engine.startOneOff(spec, never)
  const { container, node } = cluster.processes.oneOff(spec.name)!
  const process: ProcessView = {
    container,
    node,
    release: release.number,
    type: web,
    name: 'web.1',
    state: 'exited',
    exitCode: 3,
    outOfMemory: false,
    startedAt: 0,
    address: null,
    proof: 'none',
    lastCheck: null,
  }
  const edges = new FakeEdges({ clock: systemClock, processes: cluster.processes }).edges()
  return diagnose({ release, processes: [process], cause: 'crashed' }, { engine, edges, clock: systemClock }, never)
}

test('of a long log exactly the last 50 lines are told, oldest first', async () => {
  const lines = Array.from({ length: 60 }, (_, at) => `line ${at + 1} of 60`)
  const { message, details } = await crashed(lines)
  assert.equal(message, 'web.1 crashed with code 3')
  assert.deepEqual(details, ['last log lines of web.1:', ...lines.slice(10).map(line => `  ${line}`)])
})

test('a short log is told whole, an empty one is said to be empty', async () => {
  assert.deepEqual((await crashed(['one', 'two'])).details, ['last log lines of web.1:', '  one', '  two'])
  assert.deepEqual((await crashed([])).details, ['web.1 wrote nothing to its log'])
})

test('who came up is not blamed for those that did not', async () => {
  const cluster = new FakeCluster({ clock: systemClock, behaviourOf: () => ({ startMs: 0, listenMs: 0, stopMs: 0 }) })
  const edges = new FakeEdges({ clock: systemClock, processes: cluster.processes }).edges()
  const deps = { engine: cluster.engine(), edges, clock: systemClock }
  const proven: ProcessView = {
    container: 'c1',
    node: parseNodeName('one'),
    release: release.number,
    type: web,
    name: 'web.1',
    state: 'running',
    exitCode: null,
    outOfMemory: false,
    startedAt: 0,
    address: null,
    proof: 'proven',
    lastCheck: null,
  }
  const two = { ...release, formation: { web: 2 } }
  const { message } = await diagnose({ release: two, processes: [proven], cause: 'deadline' }, deps, never)
  assert.match(message, /^1 of 2 processes of v2 were started within \d+ s$/)
})
