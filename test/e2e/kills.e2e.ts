import assert from 'node:assert/strict'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { eventually } from '../rig/eventually.ts'
import { runsAll } from '../runner/ring.ts'
import { installed } from './host.ts'
import { evidence } from './kills/evidence.ts'
import { changeWith, holder, leaseHolder, logOf, scale, stalled } from './kills/lease.ts'
import { atRest, noTraces } from './kills/oracles.ts'
import { plan } from './kills/plan.ts'
import { Site, witnessed } from './kills/site.ts'
import { runOf } from './kills/socket.ts'
import { table } from './kills/table.ts'
import { trial, type TrialResult } from './kills/trial.ts'

const seed = Number(process.env.LADING_KILLS_SEED ?? 1)
const planned = plan(seed, Number(process.env.LADING_KILLS_COUNT ?? 12))
/** In the gate the first of each kind of target; all of them otherwise. */
const moments = runsAll
  ? planned
  : planned.filter(({ target }, at) => planned.findIndex(one => one.target === target) === at)
const rig = new Rig({ name: 'e2ekills', say: line => process.stderr.write(`${line}\n`) })
const results: TrialResult[] = []
let site: Site

before(async () => {
  await rig.down()
  const host = await rig.up({ name: 'server', debian: 'trixie' })
  site = await Site.make(await installed(host, { fromCache: true, args: witnessed(host) }))
})
after(async () => {
  process.stderr.write(`seed ${seed} (LADING_KILLS_SEED, LADING_KILLS_COUNT)\n${table(results)}\n`)
  site?.[Symbol.dispose]()
  await rig.down()
})

for (const moment of moments) {
  test(`seed ${seed}, kill ${moment.number}: ${moment.target} while ${moment.stage}`, async () => {
    try {
      results.push(await trial(site, moment))
    } catch (error) {
      process.stderr.write(`${await evidence(site.platform.host)}\n`)
      throw error
    }
  })
}

test('of runs that were killed before they were live nothing is left, and what serves is alone', async () => {
  assert.equal(results.length, moments.length, 'a kill broke a law')
  await noTraces(site)
  await atRest(site)
})

test('a control plane that stalls for two leases finds another in its place, changes nothing more and ends', async () => {
  const { host } = site.platform
  const old = await holder(host)
  const next = await site.commit({})
  const hold = site.witness.hold('boot', next.version)
  const push = site.pushCommitted(next)
  await hold.arrived
  await scale(host, 2)
  await stalled(host, old, async () => {
    await site.whole()
    await eventually('the stalled one’s run is cancelled', async () => {
      return (await runOf(host, site.app.name, push.commit))?.state === 'cancelled'
    })
  })
  // From here on the stalled one could carry its run on: its process has proof in a moment.
  hold.letGo()
  const said = await eventually('it ends', async () => {
    const exit = await host.run([
      'docker',
      'inspect',
      '--format',
      '{{.State.Running}} {{.State.ExitCode}}',
      old.container,
    ])
    return exit === 'false 1' ? logOf(host, old.container) : null
  })
  assert.match(said, /lease: lost/)
  const refused = await changeWith(host, old.term)
  assert.equal(refused.status, 409, refused.text)
  assert.match(refused.text, /lease-lost/)
  assert.ok(!(await leaseHolder(host)).startsWith(old.container))
  assert.notEqual((await push.outcome).code, 0)
  assert.equal(await site.app.remoteHead(), site.head)
  await site.app.answers(site.serving.version)
  await scale(host, 1)
  await site.whole()
  await site.proves()
  await atRest(site)
})
