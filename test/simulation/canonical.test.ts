import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { giveWay } from '../runner/ring.ts'
import { tableOfSites } from './crash-sites.ts'
import { runAllSites } from './many.ts'

before(giveWay)

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
