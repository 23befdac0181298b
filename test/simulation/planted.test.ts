import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { giveWay } from '../runner/ring.ts'
import { hunt } from './hunt.ts'
import { plantedBugs } from './planted.ts'

before(giveWay)

for (const bug of plantedBugs) {
  test(`found: ${bug.name}`, async context => {
    const found = await hunt(bug)
    assert.ok(found, 'no law was broken: the simulation is blind to it')
    const { report, histories, where } = found
    context.diagnostic(`${report} (history ${histories}${where && `, ${where}`})`)
  })
}
