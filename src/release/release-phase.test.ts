import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRunId } from '../core/names.ts'
import { systemClock } from '../core/system.ts'
import type { OneOffSpec } from '../docker/engine.ts'
import { FakeCluster } from '../docker/fake.ts'
import { releasePhase } from './release-phase.ts'

const signal = new AbortController().signal
const spec: OneOffSpec = {
  name: 'l-release-phase-run00000001',
  labels: {},
  image: 'image',
  command: ['sh', '-c', './migrate'],
  env: {},
  network: 'l-shop',
  policy: { memory: 1, cpus: 1, pids: 1, tmpBytes: 1, openFiles: 1, dropCapabilities: [] },
}

test('a migration that talks without end is shown like a build: 2,000 lines of 1,000 characters', async () => {
  const lines = ['x'.repeat(5_000), ...Array.from({ length: 2_500 }, (_, at) => `row ${at + 1}`)]
  const behaviourOf = () => ({ startMs: 0, listenMs: null, stopMs: 0, lines })
  const engine = new FakeCluster({ clock: systemClock, behaviourOf }).engine()
  await engine.ensureNetwork(spec.network, {}, signal)
  const said: string[] = []
  const store = { startReleasePhase: async () => true }
  const tools = { store, engine, clock: systemClock }
  await releasePhase(parseRunId('run00000001'), spec, line => said.push(line.trim()), tools, signal)
  assert.equal(said[0], 'x'.repeat(1_000))
  assert.deepEqual(said.slice(1_999), ['row 1999', '… 2000 lines shown; the rest is left out'])
})
