import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { installed } from './host.ts'
import { atRest, noTraces } from './kills/oracles.ts'
import { plan } from './kills/plan.ts'
import { Site } from './kills/site.ts'
import { table } from './kills/table.ts'
import { trial, type TrialResult } from './kills/trial.ts'

const seed = Number(process.env.LADING_KILLS_SEED ?? 1)
const kills = Number(process.env.LADING_KILLS_COUNT ?? 12)
const rig = new Rig({ name: 'e2ekills', say: line => process.stderr.write(`${line}\n`) })
const results: TrialResult[] = []
let site: Site

before(async () => {
  await rig.down()
  const host = await rig.up({ name: 'server', debian: 'trixie' })
  site = await Site.make(await installed(host, { fromCache: true }))
})
after(async () => {
  process.stderr.write(`seed ${seed} (LADING_KILLS_SEED, LADING_KILLS_COUNT)\n${table(results)}\n`)
  site?.witness[Symbol.dispose]()
  await rig.down()
})

for (const moment of plan(seed, kills)) {
  test(`seed ${seed}, kill ${moment.number}: ${moment.target} while ${moment.stage}`, async () => {
    results.push(await trial(site, moment))
  })
}

test('of runs that were killed before they were live nothing is left, and what serves is alone', async () => {
  assert.equal(results.length, kills, 'a kill broke a law')
  await noTraces(site)
  await atRest(site)
})
