import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { giveWay, histories } from '../runner/ring.ts'
import { runRandomHistories } from './many.ts'
import { randomHistory } from './random-history.ts'

before(giveWay)

/** How many random histories this run plays, from where: each commit looks at another window of seeds. */
const { count, seed } = histories()

test('one seed is one history', async () => {
  const [first, second] = [await randomHistory(7), await randomHistory(7)]
  assert.deepEqual(second, first)
})

test(`of ${count} random histories from seed ${seed} with a crash and five faults each, none breaks a law`, async context => {
  const { broken, perCpuSecond } = await runRandomHistories(seed, count)
  context.diagnostic(`${perCpuSecond.toFixed(0)} histories per CPU second, seeds ${seed} to ${seed + count - 1}`)
  const lines = broken.map(one => `seed ${one.seed}: ${one.problems.join('; ')}`)
  assert.deepEqual(lines, [], `replay: npm run node -- test/simulation/main.ts --seed ${broken[0]?.seed ?? ''}`)
})
