import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../core/limits.ts'
import { parseRunId } from '../core/names.ts'
import { systemClock } from '../core/system.ts'
import type { OneOffSpec } from '../docker/engine.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
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

const rows = (count: number) => Array.from({ length: count }, (_, at) => `row ${at + 1}`)

/** Runs a release phase that writes `lines` and exits with `code`; what was said of it comes in `said`. */
async function run(lines: readonly string[], code: number, said: string[]): Promise<void> {
  const behaviourOf = () => ({ startMs: 0, listenMs: null, stopMs: 0, lines, exit: { afterMs: 0, code } })
  const engine = new FakeCluster({ clock: systemClock, behaviourOf }).engine()
  await engine.ensureNetwork(spec.network, {}, signal)
  const store = { startReleasePhase: async () => true }
  const deps = { store, engine, clock: systemClock, limits: () => defaultLimits }
  await releasePhase(parseRunId('run00000001'), spec, line => said.push(line.trim()), deps, signal)
}

test('a migration that talks without end is shown like a build: 2,000 lines of 1,000 characters', async () => {
  const said: string[] = []
  await run(['x'.repeat(5_000), ...rows(2_500)], 0, said)
  assert.equal(said[0], 'x'.repeat(1_000))
  assert.deepEqual(said.slice(1_999), ['row 1999', '… 2000 lines shown; the rest is left out'])
})

test('a migration that fails after that gives the last 50 lines that were not shown', async () => {
  const said: string[] = []
  const failed = { code: 'release-phase-failed', message: 'the release phase exited 1' }
  const details = [...rows(2_500).slice(-49), `ERROR: ${'x'.repeat(993)}`]
  await assert.rejects(run([...rows(2_500), `ERROR: ${'x'.repeat(5_000)}`], 1, said), { ...failed, details })
  assert.equal(said.length, 2_001)
  await assert.rejects(run(rows(2_000), 1, []), { ...failed, details: [] })
})
