import assert from 'node:assert/strict'
import {
  parseAppName,
  parseBranchName,
  parseEnvironmentName,
  parseRunId,
  production,
  type EnvironmentKey,
} from '../../../src/core/names.ts'
import { Secret } from '../../../src/core/secret.ts'
import { type Given, shop, key, image, newRun, newRelease, rejectsWith } from './given.ts'

/** What a store promises of apps and their environments. */
export function keepsApps(given: Given): void {
  given('makes an app with production, bound to main, with an empty config', async store => {
    const row = await store.createApp(shop, 'ann', 5)
    assert.deepEqual(row, { app: shop, createdAt: 5, createdBy: 'ann', destroyedAt: null })
    assert.deepEqual(await store.findApp(shop), row)
    assert.deepEqual(await store.listApps(), [row])
    assert.deepEqual(await store.listEnvironments(), [{ ...key, branch: 'main' }])
    assert.deepEqual(await store.findEnvironment(key), { ...key, branch: 'main' })
    assert.deepEqual(await store.environmentOfBranch(shop, parseBranchName('main')), { ...key, branch: 'main' })
    assert.equal(await store.environmentOfBranch(shop, parseBranchName('topic')), null)
    assert.deepEqual(await store.readConfig(key, 0), { version: 1, values: {}, by: 'ann', at: 5 })
  })

  given('refuses a second app of the same name and changes nothing', async store => {
    await store.createApp(shop, 'ann', 5)
    await store.writeConfig(key, 1, { A: new Secret('1') }, 'ann', 6)
    await rejectsWith('already-exists', store.createApp(shop, 'bob', 7))
    assert.equal((await store.findApp(shop))?.createdBy, 'ann')
    assert.equal((await store.readConfig(key, 0)).version, 2)
  })

  given('knows nothing of what was never made', async store => {
    assert.equal(await store.findApp(shop), null)
    assert.equal(await store.findEnvironment(key), null)
    assert.equal(await store.findRun(parseRunId('run00001')), null)
    assert.equal(await store.findRelease(key, 1), null)
    assert.equal(await store.servingRelease(key), null)
    assert.equal(await store.findImage(shop, 'key-1'), null)
    await rejectsWith('not-found', store.readConfig(key, 0))
    await rejectsWith('not-found', store.writeConfig(key, 1, {}, 'ann', 1))
    await rejectsWith('not-found', store.insertRun(newRun('run00001')))
    await rejectsWith('not-found', store.markAppDestroyed(shop, 1))
    await rejectsWith('not-found', store.appendLines(parseRunId('run00001'), [{ at: 1, text: 'x' }]))
    await rejectsWith('not-found', store.saveStep(parseRunId('run00001'), 'build', 1))
    await rejectsWith('not-found', store.startReleasePhase(parseRunId('run00001'), 1))
    await rejectsWith('not-found', store.insertRelease(newRelease('run00001')))
    await rejectsWith(
      'not-found',
      store.advanceRun(parseRunId('run00001'), 'queued', 'receiving', { reason: 'x', now: 1 }),
    )
  })

  given('destroys in two steps: first no new run, then no row', async store => {
    await store.createApp(shop, 'ann', 5)
    await store.insertRun(newRun('run00001'))
    await store.appendLines(parseRunId('run00001'), [{ at: 1, text: 'hello' }])
    await store.insertRelease(newRelease('run00001'))
    await store.saveImage(shop, image, 1)
    await rejectsWith('conflict', store.removeApp(shop))
    await store.markAppDestroyed(shop, 9)
    await store.markAppDestroyed(shop, 10)
    assert.equal((await store.findApp(shop))?.destroyedAt, 9)
    await rejectsWith('conflict', store.insertRun(newRun('run00002')))
    await rejectsWith('already-exists', store.createApp(shop, 'bob', 11))
    await store.removeApp(shop)
    await store.removeApp(shop)
    assert.equal(await store.findApp(shop), null)
    assert.equal(await store.findRun(parseRunId('run00001')), null)
    assert.equal(await store.findRelease(key, 1), null)
    assert.deepEqual(await store.readLines(parseRunId('run00001'), 0), [])
    await store.createApp(shop, 'bob', 12)
    assert.equal(await store.findImage(shop, 'key-1'), null)
  })

  given('keeps an environment apart from any other', async store => {
    await store.createApp(shop, 'ann', 5)
    await store.createApp(parseAppName('blog'), 'ann', 5)
    await store.insertRun(newRun('run00001'))
    await store.insertRelease(newRelease('run00001'))
    const blog: EnvironmentKey = { app: parseAppName('blog'), environment: production }
    const staging: EnvironmentKey = { app: shop, environment: parseEnvironmentName('staging') }
    for (const other of [blog, staging]) {
      assert.deepEqual(await store.listRuns(other, 9), [])
      assert.deepEqual(await store.listReleases(other, 9), [])
      assert.equal(await store.findRelease(other, 1), null)
    }
    await store.insertRun(newRun('run00002', blog))
    await rejectsWith('conflict', store.insertRelease({ ...newRelease('run00002') }))
  })
}
