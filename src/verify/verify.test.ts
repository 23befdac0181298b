import assert from 'node:assert/strict'
import { test } from 'node:test'
import { image as plainImage, shop } from '../../test/doubles/api.ts'
import { FakeCluster, type Behaviour } from '../../test/doubles/engine.ts'
import { VirtualClock } from '../../test/simulation/virtual-clock.ts'
import { AppError } from '../core/errors.ts'
import { defaultLimits } from '../core/limits.ts'
import { parseRunId } from '../core/names.ts'
import type { StepVerdict } from '../core/release.ts'
import type { Run } from '../core/run.ts'
import type { PlannedStep, VerifyPlan } from '../core/verify-plan.ts'
import { StepPlaces } from './steps/places.ts'
import { verify, type Found } from './verify.ts'

const never = new AbortController().signal
const step = (name: string, changes: Partial<PlannedStep> = {}): PlannedStep => ({
  name,
  run: name,
  needs: [],
  env: {},
  timeoutSeconds: 60,
  mayFail: false,
  retries: 0,
  reports: null,
  ...changes,
})

/** Steps whose commands behave as told; of a list, each attempt as its own entry. What they start stays known. */
function ground(behaviours: Readonly<Record<string, Partial<Behaviour> | readonly Partial<Behaviour>[]>>) {
  const clock = new VirtualClock()
  const begun: string[] = []
  let [under, most] = [0, 0]
  const cluster = new FakeCluster({
    clock,
    behaviourOf: (_image, command) => {
      const run = command?.[4] ?? command?.[2] ?? ''
      const behaviour = behaviours[run] ?? {}
      const own = Array.isArray(behaviour)
        ? (behaviour as Partial<Behaviour>[])[begun.filter(one => one === run).length]
        : behaviour
      begun.push(run)
      return { startMs: 0, listenMs: null, stopMs: 0, exit: { afterMs: 100, code: 0 }, ...own }
    },
  })
  const engine = cluster.engine()
  const passed = new Map<string, StepVerdict>()
  const said: string[] = []
  let runs = 0
  const run = async (plan: VerifyPlan, { fresh = false, signal = never } = {}): Promise<Found> => {
    const row = { ...shop, id: parseRunId(`run0000000${++runs}`) } as Run
    const request = { run: row, image: { ...plainImage, verify: plan }, fresh, say: (line: string) => said.push(line) }
    const deps = {
      engine: {
        ...engine,
        startOneOff: async (...[spec, stop]: Parameters<typeof engine.startOneOff>) => {
          most = Math.max(most, ++under)
          await engine.startOneOff(spec, stop)
        },
        removeOneOff: async (...[name, stop]: Parameters<typeof engine.removeOneOff>) => {
          under--
          await engine.removeOneOff(name, stop)
        },
      },
      store: {
        findPassedStep: (_app: string, key: string) => Promise.resolve(passed.get(key) ?? null),
        savePassedStep: (_app: string, key: string, one: StepVerdict) => Promise.resolve(void passed.set(key, one)),
      },
      clock,
      limits: () => defaultLimits,
      places: new StepPlaces(() => 2),
      lease: never,
    }
    let end: { readonly found?: Found; readonly error?: unknown } | undefined
    verify(request, deps, signal).then(
      found => (end = { found }),
      (error: unknown) => (end = { error }),
    )
    await clock.run(() => end !== undefined, 1_000_000)
    if (end?.found) return end.found
    throw end?.error ?? new Error('it never ended')
  }
  return { run, said, begun, cluster, clock, atOnce: () => most }
}

const states = ({ verdict }: Found) => (verdict.steps ?? []).map(({ name, state }) => `${name} ${state}`)

test('steps run side by side within the places, those that need others after them, and nothing stays', async () => {
  const { run, begun, cluster, atOnce } = ground({})
  const found = await run({
    setup: 'migrate',
    steps: [step('e2e', { needs: ['unit', 'lint'] }), step('lint'), step('unit'), step('types')],
  })
  assert.deepEqual(states(found), ['setup passed', 'e2e passed', 'lint passed', 'unit passed', 'types passed'])
  assert.equal(found.verdict.sentence, '5 steps passed')
  assert.equal(begun[0], 'migrate')
  assert.ok(begun.indexOf('e2e') > Math.max(begun.indexOf('unit'), begun.indexOf('lint')))
  assert.equal(atOnce(), 2)
  assert.deepEqual(cluster.inventory().containers, [])
})

test('a failure stops only what needs it, comes first, and gives its last lines and failed tests', async () => {
  const report = '<s><testcase name="adds"><failure/></testcase><testcase name="b"/></s>'
  const lines = ['one', 'two', 'lading: report of ', report]
  const { run, said, cluster } = ground({
    unit: { exit: { afterMs: 300, code: 3 }, lines },
    style: { exit: { afterMs: 50, code: 1 } },
  })
  // The mark names the container, which the fake's lines cannot know beforehand: TAP in the output stands in for a file.
  lines.splice(0, lines.length, 'one', 'not ok 1 - adds', 'ok 2 - b')
  const steps = [
    step('lint'),
    step('unit', { reports: '-' }),
    step('e2e', { needs: ['unit'] }),
    step('style', { mayFail: true }),
  ]
  const found = await run({ setup: null, steps })
  assert.deepEqual(states(found), ['lint passed', 'unit failed', 'e2e not-run', 'style failed'])
  assert.deepEqual([found.verdict.outcome, found.verdict.sentence], ['failed', 'unit failed'])
  assert.deepEqual(found.evidence, [
    'unit: failed test: adds',
    'unit exited 3',
    '  one',
    '  not ok 1 - adds',
    '  ok 2 - b',
  ])
  assert.ok(said.includes('       unit  | one'))
  assert.deepEqual(
    said.slice(-4).map(line => line.trim().replace(/, [\d.]+ s$/, '')),
    [
      'unit failed: exited 3 (2 tests, 1 failed)',
      'e2e was not run: needs unit, which failed',
      'style failed, as it may: exited 1',
      'lint passed',
    ],
  )
  assert.deepEqual(cluster.inventory().containers, [])
})

test('a step that passes at a later attempt is flaky, and is said to be; one that hangs is killed', async () => {
  const { run, cluster } = ground({
    unit: [{ exit: { afterMs: 10, code: 1 } }, { exit: { afterMs: 10, code: 1, outOfMemory: true } }, {}],
    hangs: { exit: { afterMs: 900_000, code: 0 } },
  })
  const found = await run({ setup: null, steps: [step('unit', { retries: 2 }), step('hangs', { timeoutSeconds: 5 })] })
  const [unit, hangs] = found.verdict.steps ?? []
  assert.deepEqual([unit?.state, unit?.attempts], ['passed', 3])
  assert.deepEqual([hangs?.state, hangs?.how], ['failed', 'ran longer than 5 s'])
  assert.deepEqual(cluster.inventory().containers, [])
})

test('what passed is not run again, until something of it changes or it is asked for', async () => {
  const { run, begun, said } = ground({ unit: { exit: { afterMs: 10, code: 0 }, lines: ['ok 1 - a'] } })
  const unit = step('unit', { reports: '-' })
  await run({ setup: null, steps: [unit] })
  const again = await run({ setup: null, steps: [unit] })
  assert.equal(begun.length, 1)
  const [remembered] = again.verdict.steps ?? []
  assert.deepEqual(
    [remembered?.state, remembered?.passedIn, remembered?.counts?.passed],
    ['remembered', 'run00000001', 1],
  )
  assert.equal(said.at(-1), '       unit passed before, in run run00000001 (1 test): not run again')
  assert.equal(again.verdict.outcome, 'passed')
  await run({ setup: null, steps: [{ ...unit, env: { A: '1' } }] })
  assert.equal(begun.length, 2)
  await run({ setup: null, steps: [unit] }, { fresh: true })
  assert.equal(begun.length, 3)
  await run({ setup: 'migrate', steps: [unit] })
  assert.deepEqual(begun.slice(3), ['migrate', 'unit'])
})

test('a step that prints without end is followed for 10,000 lines; its last ones are read when it has ended', async () => {
  const flood = Array.from({ length: 50_000 }, (_, n) => `ok ${n + 1}`)
  const { run, said } = ground({ unit: { exit: { afterMs: 5_000, code: 1 }, lines: flood } })
  const found = await run({ setup: null, steps: [step('unit', { reports: '-' })] })
  assert.equal(said.filter(line => line.includes('| ok')).length, 2_000)
  assert.equal(found.evidence.at(-1), '  ok 50000')
  assert.equal(found.verdict.steps?.[0]?.counts, null)
})

test('when the setup fails nothing else is run, and the setup is what failed', async () => {
  const { run, begun } = ground({ migrate: { exit: { afterMs: 10, code: 4 } } })
  const found = await run({ setup: 'migrate', steps: [step('unit'), step('e2e', { needs: ['unit'] })] })
  assert.deepEqual(states(found), ['setup failed', 'unit not-run', 'e2e not-run'])
  assert.equal(found.verdict.sentence, 'setup failed')
  assert.deepEqual(begun, ['migrate'])
})

test('cancelled, it ends with the reason, and what it left carries the labels that the sweep looks for', async () => {
  const { run, cluster, clock } = ground({ unit: { exit: { afterMs: 900_000, code: 0 } } })
  const stop = new AbortController()
  void clock.sleep(2_000).then(() => stop.abort(new AppError('cancelled', 'enough')))
  await assert.rejects(run({ setup: null, steps: [step('unit'), step('lint')] }, { signal: stop.signal }), /enough/)
  const left = cluster.processes.oneOffs()
  assert.equal(left.length, 1)
  assert.equal(left[0]?.labels['lading.role'], 'verify')
  assert.equal(left[0]?.labels['lading.run'], 'run00000001')
})
