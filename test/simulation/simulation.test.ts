import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { takeMachine } from '../e2e/machine.ts'
import { tableOfSites } from './crash-sites.ts'
import { runAllSites, runRandomHistories } from './many.ts'
import { randomHistory } from './random-history.ts'

before(() => takeMachine('shared'))

/** How many random histories a run of the suite plays, from where. Another start finds other bugs. */
const count = Number(process.env['LADING_SIMULATION_COUNT'] ?? '10000')
const seed = Number(process.env['LADING_SIMULATION_SEED'] ?? '1')

test('killed at any call of any canonical history, or with any fault of it, every law holds at rest', async context => {
  const results = await runAllSites()
  context.diagnostic(`${results.length} crashes and faults\n${tableOfSites(results)}`)
  const broken = results.filter(({ problems }) => problems.length > 0)
  assert.deepEqual(
    broken.map(
      ({ history, site, how, problems }) =>
        `${history}, call ${site.call} (${site.name}), ${how}: ${problems.join('; ')}`,
    ),
    [],
  )
})

test('one seed is one history', async () => {
  const [first, second] = [await randomHistory(7), await randomHistory(7)]
  assert.deepEqual(second, first)
})

test(`of ${count} random histories with a crash and five faults each, none breaks a law`, async context => {
  const { broken, perCpuSecond } = await runRandomHistories(seed, count)
  context.diagnostic(`${perCpuSecond.toFixed(0)} histories per CPU second, seeds ${seed} to ${seed + count - 1}`)
  const lines = broken.map(one => `seed ${one.seed}: ${one.problems.join('; ')}`)
  assert.deepEqual(lines, [], `replay: npm run node -- test/simulation/main.ts --seed ${broken[0]?.seed ?? ''}`)
})
