/**
 * The three rings of tests and their budgets (docs/design/testing.md). An outer ring contains the inner ones. What a ring
 * costs is printed at its end, against its budget.
 */
export const rings = {
  inner: { command: 'npm run test:unit', budgetMinutes: 3, histories: 500, crashSiteStep: 3 },
  gate: { command: 'npm test', budgetMinutes: 20, histories: 3_000, crashSiteStep: 3 },
  all: { command: 'npm run test:all', budgetMinutes: null, histories: 10_000, crashSiteStep: 1 },
} as const

export type RingName = keyof typeof rings

/** Tests of pure code and of fakes. They see nothing of the machine that they have not made, and are never repeated. */
const fakes: readonly string[] = [
  'scripts/**/*.test.mjs',
  'src/**/*.test.ts',
  'bench/**/*.test.ts',
  'test/contract/**/*.test.ts',
  'test/golden/**/*.test.ts',
  'test/e2e/**/*.test.ts',
  'test/runner/**/*.test.ts',
]

/** Virtual clock, real pipeline: as deterministic as the fakes, and repeated as little. */
const randomHistories = 'test/simulation/random.test.ts'
const simulation: readonly string[] = ['test/simulation/**/*.test.ts']

/** Suites on real engines, those that take longest first: a long one that begins last leaves a core idle. */
const engines: Readonly<Record<'gate' | 'all', readonly string[]>> = {
  gate: [
    'test/e2e/platform-days.e2e.ts',
    'test/e2e/platform-apps.e2e.ts',
    'test/e2e/kills.e2e.ts',
    'test/e2e/hand-over.e2e.ts',
    'test/e2e/story.e2e.ts',
    'test/e2e/contracts.e2e.ts',
    'test/e2e/upgrade.e2e.ts',
    'test/e2e/wrong-app.e2e.ts',
  ],
  all: [
    'test/e2e/engine-20.e2e.ts',
    'test/e2e/killed-up.e2e.ts',
    'test/e2e/host-firewalls.e2e.ts',
    'test/e2e/proxy-host.e2e.ts',
    'test/e2e/rig.e2e.ts',
    'test/e2e/hermetic.e2e.ts',
  ],
}

/** Patterns of the files of a ring: those that run first, those that run beside the engines, and the engines'. */
export function filesOf(ring: RingName): Readonly<Record<'fakes' | 'simulation' | 'engines', readonly string[]>> {
  if (ring === 'inner') return { fakes: [...fakes, randomHistories], simulation: [], engines: [] }
  return { fakes, simulation, engines: ring === 'gate' ? engines.gate : [...engines.gate, ...engines.all] }
}
