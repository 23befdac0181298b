import assert from 'node:assert/strict'
import { parseAppName, parseRunId, production, type EnvironmentKey } from '../../../src/core/names.ts'
import { type Given, shop, key, commit, image, newRun, newRelease, advanceTo, rejectsWith } from './given.ts'

/** What a store promises of runs, their steps and lines. */
export function keepsRuns(given: Given): void {
  given('keeps a run as it was given, in queued', async store => {
    await store.createApp(shop, 'ann', 5)
    const run = await store.insertRun(newRun('run00001'))
    assert.deepEqual(run, {
      ...key,
      id: 'run00001',
      intent: { kind: 'commit', commit },
      state: 'queued',
      reason: 'pushed',
      by: 'ann',
      createdAt: 1000,
      changedAt: 1000,
      releasePhaseStarted: false,
      release: null,
      details: [],
    })
    assert.deepEqual(await store.findRun(run.id), run)
    await rejectsWith('already-exists', store.insertRun(newRun('run00001')))
  })

  given('lists runs by their order of arrival, whatever the clock said', async store => {
    await store.createApp(shop, 'ann', 5)
    await store.createApp(parseAppName('blog'), 'ann', 5)
    const blog: EnvironmentKey = { app: parseAppName('blog'), environment: production }
    await store.insertRun({ ...newRun('run00003'), now: 30 })
    await store.insertRun({ ...newRun('run00002'), now: 20 })
    await store.insertRun({ ...newRun('run00004', blog), now: 10 })
    await store.insertRun({ ...newRun('run00001'), now: 10 })
    const ids = (runs: readonly { id: string }[]) => runs.map(run => run.id)
    assert.deepEqual(ids(await store.listRuns(key, 10)), ['run00001', 'run00002', 'run00003'])
    assert.deepEqual(ids(await store.listRuns(key, 1)), ['run00001'])
    await advanceTo(store, 'run00002', 'settled')
    await advanceTo(store, 'run00001', 'live')
    assert.deepEqual(ids(await store.openRuns()), ['run00003', 'run00004', 'run00001'])
  })

  given('tells what stands without the runs that came to nothing, however many these are', async store => {
    await store.createApp(shop, 'ann', 5)
    await store.insertRun({ ...newRun('good0000'), now: 5 })
    await advanceTo(store, 'good0000', 'settled')
    for (let n = 0; n < 3; n++) {
      const id = `fail${String(n).padStart(4, '0')}`
      await store.insertRun({ ...newRun(id), now: 10 })
      await store.advanceRun(parseRunId(id), 'queued', 'failed', { reason: 'no commit', now: 11 })
    }
    await store.insertRun({ ...newRun('open0000'), now: 20 })
    assert.deepEqual(
      (await store.standingRuns(key)).map(run => run.id),
      ['open0000', 'good0000'],
    )
  })

  given('moves a run only from the state it is in, and only as the law allows', async store => {
    await store.createApp(shop, 'ann', 5)
    const { id } = await store.insertRun(newRun('run00001'))
    const run = await store.advanceRun(id, 'queued', 'receiving', { reason: 'its turn came', now: 7 })
    assert.equal(run.state, 'receiving')
    assert.equal(run.reason, 'its turn came')
    assert.equal(run.changedAt, 7)
    await rejectsWith('conflict', store.advanceRun(id, 'queued', 'receiving', { reason: 'x', now: 8 }))
    await rejectsWith('internal', store.advanceRun(id, 'receiving', 'queued', { reason: 'x', now: 8 }))
    await rejectsWith('internal', store.advanceRun(id, 'receiving', 'building', { reason: '', now: 8 }))
    const failed = await store.advanceRun(id, 'receiving', 'failed', { reason: 'no', details: ['a', 'b'], now: 9 })
    assert.deepEqual(failed.details, ['a', 'b'])
    await rejectsWith('internal', store.advanceRun(id, 'failed', 'cancelled', { reason: 'x', now: 10 }))
    assert.deepEqual(await store.findRun(id), failed)
  })

  given('lets one of two movers win', async store => {
    await store.createApp(shop, 'ann', 5)
    const { id } = await store.insertRun(newRun('run00001'))
    const results = await Promise.allSettled([
      store.advanceRun(id, 'queued', 'receiving', { reason: 'one', now: 1 }),
      store.advanceRun(id, 'queued', 'cancelled', { reason: 'two', now: 1 }),
    ])
    assert.deepEqual(results.map(result => result.status).sort(), ['fulfilled', 'rejected'])
  })

  given('starts a release phase once, and no run turns back after it', async store => {
    await store.createApp(shop, 'ann', 5)
    const { id } = await store.insertRun(newRun('run00001'))
    await advanceTo(store, id, 'releasing')
    const twice = await Promise.all([store.startReleasePhase(id, 8), store.startReleasePhase(id, 8)])
    assert.deepEqual(twice.sort(), [false, true])
    assert.equal((await store.findRun(id))?.releasePhaseStarted, true)
    for (const to of ['cancelled', 'superseded'] as const)
      await rejectsWith('conflict', store.advanceRun(id, 'releasing', to, { reason: 'x', now: 9 }))
    assert.equal((await store.advanceRun(id, 'releasing', 'failed', { reason: 'x', now: 9 })).state, 'failed')
    assert.equal(await store.startReleasePhase(id, 10), false)
  })

  given('starts no release phase of a cancelled run', async store => {
    await store.createApp(shop, 'ann', 5)
    const { id } = await store.insertRun(newRun('run00001'))
    await store.advanceRun(id, 'queued', 'cancelled', { reason: 'ctrl-C', now: 6 })
    await rejectsWith('conflict', store.startReleasePhase(id, 7))
    await rejectsWith('conflict', store.insertRelease(newRelease(id)))
  })

  given('answers a step with what it first returned', async store => {
    await store.createApp(shop, 'ann', 5)
    const { id } = await store.insertRun(newRun('run00001'))
    assert.equal(await store.findStep(id, 'build'), null)
    await store.saveStep(id, 'build', { image, n: [1, null] })
    await store.saveStep(id, 'build', 'another')
    await store.saveStep(id, 'receive', undefined)
    assert.deepEqual(await store.findStep(id, 'build'), { result: { image, n: [1, null] } })
    assert.deepEqual(await store.findStep(id, 'receive'), { result: null })
  })

  given('numbers the lines of a run from 1 and reads on after any of them', async store => {
    await store.createApp(shop, 'ann', 5)
    const { id } = await store.insertRun(newRun('run00001'))
    const other = await store.insertRun(newRun('run00002'))
    await store.appendLines(id, [
      { at: 1, text: 'a' },
      { at: 2, text: "b'); drop table runs; -- ✓" },
    ])
    await store.appendLines(other.id, [{ at: 3, text: 'x' }])
    await store.appendLines(id, [])
    await store.appendLines(id, [{ at: 3, text: 'c' }])
    const texts = async (after: number) => (await store.readLines(id, after)).map(line => `${line.seq} ${line.text}`)
    assert.deepEqual(await texts(0), ['1 a', "2 b'); drop table runs; -- ✓", '3 c'])
    assert.deepEqual(await texts(2), ['3 c'])
    assert.deepEqual(await texts(3), [])
  })

  given('forgets the lines of old runs that have ended, and keeps the newest, the open, and all rows', async store => {
    await store.createApp(shop, 'ann', 5)
    const ids = ['run00001', 'run00002', 'run00003', 'run00004', 'run00005'].map(parseRunId)
    for (const id of ids) {
      await store.insertRun(newRun(id))
      await store.appendLines(id, [{ at: 1, text: id }])
    }
    const [live, failed, open, kept] = ids
    await store.insertRelease(newRelease('run00001'))
    await advanceTo(store, live!, 'settled')
    for (const id of [failed!, kept!]) await store.advanceRun(id, 'queued', 'cancelled', { reason: 'enough', now: 9 })
    assert.deepEqual(await store.forgetLines(key, 5), [])
    assert.deepEqual(await store.forgetLines(key, 2), [failed])
    assert.deepEqual(await store.forgetLines(key, 2), [failed])
    const counts = await Promise.all(ids.map(async id => (await store.readLines(id, 0)).length))
    assert.deepEqual(counts, [0, 0, 1, 1, 1])
    assert.equal((await store.findRun(open!))?.state, 'queued')
    assert.equal((await store.listRuns(key, 10)).length, 5)
    assert.equal((await store.findRelease(key, 1))?.run, live)
  })
}
