import assert from 'node:assert/strict'
import { parseImageReference, parseRunId } from '../../../src/core/names.ts'
import type { RunState } from '../../../src/core/states.ts'
import { type Given, shop, key, image, newRun, newRelease, advanceTo } from './given.ts'

/** What a store promises of releases and images. */
export function keepsReleases(given: Given): void {
  given('numbers releases per environment, one for each run', async store => {
    await store.createApp(shop, 'ann', 5)
    await store.insertRun(newRun('run00001'))
    await store.insertRun(newRun('run00002'))
    const first = await store.insertRelease(newRelease('run00001'))
    assert.deepEqual(first, { ...newRelease('run00001'), number: 1 })
    const again = await store.insertRelease({ ...newRelease('run00001'), description: 'again' })
    assert.deepEqual(again, first)
    const second = await store.insertRelease({ ...newRelease('run00002'), commit: null })
    assert.equal(second.number, 2)
    assert.equal(second.commit, null)
    assert.deepEqual(await store.findRelease(key, 1), first)
    assert.deepEqual(await store.listReleases(key, 10), [second, first])
    assert.deepEqual(await store.listReleases(key, 1), [second])
    assert.equal((await store.findRun(parseRunId('run00002')))?.release, 2)
    assert.equal((await store.listRuns(key, 9))[1]?.release, 1)
  })

  given('says that the newest release that went live and held serves', async store => {
    await store.createApp(shop, 'ann', 5)
    for (const id of ['run00001', 'run00002', 'run00003']) {
      await store.insertRun(newRun(id))
      await advanceTo(store, id, 'releasing')
      await store.insertRelease(newRelease(id))
    }
    const serving = async () => (await store.servingRelease(key))?.number ?? null
    assert.equal(await serving(), null)
    const move = (id: string, from: RunState, to: RunState) =>
      store.advanceRun(parseRunId(id), from, to, { reason: to, now: 50 })
    for (const [from, to] of [
      ['releasing', 'starting'],
      ['starting', 'proven'],
    ] as const)
      await move('run00001', from, to)
    assert.equal(await serving(), null)
    await move('run00001', 'proven', 'live')
    assert.equal(await serving(), 1)
    await move('run00001', 'live', 'settled')
    await move('run00003', 'releasing', 'failed')
    assert.equal(await serving(), 1)
    for (const [from, to] of [
      ['releasing', 'starting'],
      ['starting', 'proven'],
      ['proven', 'live'],
    ] as const)
      await move('run00002', from, to)
    assert.equal(await serving(), 2)
    await move('run00002', 'live', 'failed-after-live')
    assert.equal(await serving(), 1)
  })

  given('finds an image by its build key, the newest saved', async store => {
    await store.createApp(shop, 'ann', 5)
    await store.saveImage(shop, image, 6)
    assert.deepEqual(await store.findImage(shop, 'key-1'), image)
    const newer = { ...image, reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'c'.repeat(64)}`) }
    await store.saveImage(shop, newer, 7)
    assert.deepEqual(await store.findImage(shop, 'key-1'), newer)
    assert.equal(await store.findImage(shop, 'key-2'), null)
  })

  given('remembers a step that passed by its key, the newest, for as long as the app is there', async store => {
    await store.createApp(shop, 'ann', 5)
    const step = { name: 'unit', needs: [], state: 'passed', how: '', mayFail: false, attempts: 1, seconds: 2 } as const
    await store.savePassedStep(shop, 'key-1', { ...step, counts: null }, 6)
    await store.savePassedStep(shop, 'key-1', { ...step, attempts: 2, counts: null }, 7)
    assert.deepEqual(await store.findPassedStep(shop, 'key-1'), { ...step, attempts: 2, counts: null })
    assert.equal(await store.findPassedStep(shop, 'key-2'), null)
    for (let at = 0; at < 1_001; at++)
      await store.savePassedStep(shop, `more-${at}`, { ...step, counts: null }, 10 + at)
    assert.equal(await store.findPassedStep(shop, 'key-1'), null)
    assert.ok(await store.findPassedStep(shop, 'more-1000'))
    await store.markAppDestroyed(shop, 8)
    await store.removeApp(shop)
    await store.savePassedStep(shop, 'key-1', { ...step, counts: null }, 9)
    assert.equal(await store.findPassedStep(shop, 'key-1'), null)
  })
}
