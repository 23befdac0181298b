import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AppError, type ErrorCode } from '../../src/core/errors.ts'
import {
  type EnvironmentKey,
  parseAppName,
  parseBranchName,
  parseCommitId,
  parseDomainName,
  parseEnvironmentName,
  parseImageReference,
  parseRunId,
  production,
  web,
} from '../../src/core/names.ts'
import { defaults } from '../../src/core/defaults.ts'
import type { Image, Release } from '../../src/core/release.ts'
import { Secret } from '../../src/core/secret.ts'
import type { Run } from '../../src/core/run.ts'
import type { RunState } from '../../src/core/states.ts'
import type { NewRun, RestoredApp, Store } from '../../src/store/store.ts'

const shop = parseAppName('shop')
const key: EnvironmentKey = { app: shop, environment: production }
const commit = parseCommitId('c0ffee0000000000000000000000000000000000')

const image: Image = {
  reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'a'.repeat(64)}`),
  buildKey: 'key-1',
  processes: [{ type: web, command: 'node server.js' }],
  releaseCommand: null,
  settings: defaults.settings,
  layers: [{ digest: `sha256:${'b'.repeat(64)}`, size: 12, isNew: true }],
  stack: 'dockerfile',
  method: 'built',
}

const newRun = (id: string, at: EnvironmentKey = key): NewRun => ({
  ...at,
  id: parseRunId(id),
  intent: { kind: 'commit', commit },
  by: 'ann',
  reason: 'pushed',
  now: 1000,
})

const newRelease = (run: string): Omit<Release, 'number'> => ({
  ...key,
  image,
  commit,
  author: 'Ann <ann@example.com>',
  config: 1,
  formation: { web: 2 },
  verdict: { outcome: 'nothing-tested', sentence: 'No CI steps.' },
  description: 'Deploy c0ffee00',
  by: 'ann',
  createdAt: 2000,
  run: parseRunId(run),
})

const way: RunState[] = [
  'queued',
  'receiving',
  'building',
  'verifying',
  'releasing',
  'starting',
  'proven',
  'live',
  'settled',
]

async function advanceTo(store: Store, id: string, state: RunState): Promise<void> {
  for (const [index, to] of way.entries()) {
    const from = way[index - 1]
    if (from) await store.advanceRun(parseRunId(id), from, to, { reason: `now ${to}`, now: 1000 + index })
    if (to === state) return
  }
}

function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  return assert.rejects(promise, error => {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })
}

/**
 * What every store must do (src/store/store.ts). `make` gives an empty one, and a way to be rid of it; a store that
 * comes from a file may be closed and opened between any two calls.
 */
export function storeContract(name: string, make: () => Promise<Store>): void {
  const given = (what: string, test: (store: Store) => Promise<void>): void =>
    void it(what, async () => {
      const store = await make()
      try {
        await test(store)
      } finally {
        await store.close()
      }
    })

  describe(`a store on ${name}`, () => {
    given(
      'keeps members, roles and tokens: the same once more is no change, and what is of an app goes with it',
      async store => {
        await store.createApp(shop, 'ann', 1)
        const grant = { member: 'ann', role: 'viewer', by: 'root', at: 5 }
        for (const app of [null, shop, shop]) await store.saveGrant({ ...grant, app })
        const token = { hash: 'aa', by: 'root', at: 6, expiresAt: null, usedAt: null }
        await store.addToken({ ...token, id: 't1', name: 'laptop', holder: 'ann', expiresAt: 90 })
        await store.addToken({ ...token, id: 't2', name: 'ci', hash: 'bb', holder: key })
        await rejectsWith('already-exists', store.addToken({ ...token, id: 't3', name: 'ci', hash: 'cc', holder: key }))
        await store.touchToken('t1', 7)
        const first = { ...token, id: 't1', name: 'laptop', holder: 'ann', expiresAt: 90, usedAt: 7 }
        const grants = [{ role: 'viewer', app: null }]
        assert.deepEqual(await store.readAccess(), {
          members: [{ name: 'ann', by: 'root', at: 5, grants: [...grants, { role: 'viewer', app: shop }] }],
          tokens: [first, { ...token, id: 't2', name: 'ci', hash: 'bb', holder: key }],
        })
        await store.markAppDestroyed(shop, 8)
        await store.removeApp(shop)
        const member = { name: 'ann', by: 'root', at: 5 }
        assert.deepEqual(await store.readAccess(), { members: [{ ...member, grants }], tokens: [first] })
        await store.removeGrant({ member: 'ann', role: 'viewer', app: null })
        await store.removeToken('nothing')
        assert.deepEqual(await store.readAccess(), { members: [{ ...member, grants: [] }], tokens: [first] })
        await store.removeMember('ann')
        assert.deepEqual(await store.readAccess(), { members: [], tokens: [] })
      },
    )

    given('adds to the record of who did what, in order, and keeps the newest', async store => {
      const entry = { at: 7, who: 'ann', credential: 'token t1', from: '192.0.2.9', action: 'PUT /x', target: '/x' }
      assert.equal(await store.lastAudit(), 0)
      for (const note of ['1', '2', '3', '4', '5']) await store.appendAudit({ ...entry, status: 200, note }, 3)
      assert.equal(await store.lastAudit(), 5)
      const rows = await store.readAudit(0, 9)
      assert.deepEqual(
        rows.map(({ seq }) => seq),
        [3, 4, 5],
      )
      assert.deepEqual(rows[0], { ...entry, status: 200, note: '3', seq: 3 })
      assert.deepEqual(
        (await store.readAudit(3, 1)).map(({ seq }) => seq),
        [4],
      )
    })

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

    given(
      'forgets the lines of old runs that have ended, and keeps the newest, the open, and all rows',
      async store => {
        await store.createApp(shop, 'ann', 5)
        const ids = ['run00001', 'run00002', 'run00003', 'run00004', 'run00005'].map(parseRunId)
        for (const id of ids) {
          await store.insertRun(newRun(id))
          await store.appendLines(id, [{ at: 1, text: id }])
        }
        const [live, failed, open, kept] = ids
        await store.insertRelease(newRelease('run00001'))
        await advanceTo(store, live!, 'settled')
        for (const id of [failed!, kept!])
          await store.advanceRun(id, 'queued', 'cancelled', { reason: 'enough', now: 9 })
        assert.deepEqual(await store.forgetLines(key, 5), [])
        assert.deepEqual(await store.forgetLines(key, 2), [failed])
        assert.deepEqual(await store.forgetLines(key, 2), [failed])
        const counts = await Promise.all(ids.map(async id => (await store.readLines(id, 0)).length))
        assert.deepEqual(counts, [0, 0, 1, 1, 1])
        assert.equal((await store.findRun(open!))?.state, 'queued')
        assert.equal((await store.listRuns(key, 10)).length, 5)
        assert.equal((await store.findRelease(key, 1))?.run, live)
      },
    )

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

    given('keeps every version of a config, each whole', async store => {
      await store.createApp(shop, 'ann', 5)
      const values = {
        A: new Secret(''),
        toString: new Secret('own'),
        URL: new Secret('line 1\nline 2 ✓ "\'$(x)\u0000'),
      }
      const written = await store.writeConfig(key, 1, values, 'bob', 7)
      assert.equal(written.version, 2)
      await store.writeConfig(key, 2, { A: new Secret('x') }, 'ann', 8)
      const second = await store.readConfig(key, 2)
      assert.equal(second.by, 'bob')
      assert.equal(second.at, 7)
      assert.deepEqual(reveal(second.values), reveal(values))
      assert.deepEqual(reveal((await store.readConfig(key, 0)).values), { A: 'x' })
      assert.deepEqual(reveal((await store.readConfig(key, 1)).values), {})
      await rejectsWith('not-found', store.readConfig(key, 4))
    })

    given('lets one of two config writers win', async store => {
      await store.createApp(shop, 'ann', 5)
      const results = await Promise.allSettled([
        store.writeConfig(key, 1, { A: new Secret('1') }, 'ann', 1),
        store.writeConfig(key, 1, { B: new Secret('2') }, 'bob', 1),
      ])
      assert.deepEqual(results.map(result => result.status).sort(), ['fulfilled', 'rejected'])
      await rejectsWith('conflict', store.writeConfig(key, 1, {}, 'bob', 1))
      await rejectsWith('conflict', store.writeConfig(key, 5, {}, 'bob', 1))
      assert.equal(Object.keys((await store.readConfig(key, 0)).values).length, 1)
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

    given('finds an image by its build key, the newest saved', async store => {
      await store.createApp(shop, 'ann', 5)
      await store.saveImage(shop, image, 6)
      assert.deepEqual(await store.findImage(shop, 'key-1'), image)
      const newer = { ...image, reference: parseImageReference(`127.0.0.1:5443/shop@sha256:${'c'.repeat(64)}`) }
      await store.saveImage(shop, newer, 7)
      assert.deepEqual(await store.findImage(shop, 'key-1'), newer)
      assert.equal(await store.findImage(shop, 'key-2'), null)
    })

    given('keeps settings until they are taken back', async store => {
      assert.deepEqual(await store.readSettings(), {})
      await store.writeSetting('b', 'two')
      await store.writeSetting('a', '1')
      await store.writeSetting('a', 'one')
      assert.deepEqual(await store.readSettings(), { a: 'one', b: 'two' })
      await store.writeSetting('b', null)
      await store.writeSetting('never set', null)
      assert.deepEqual(await store.readSettings(), { a: 'one' })
    })

    given('keeps a domain in one environment, over the whole platform, and with its app', async store => {
      const other = { app: parseAppName('blog'), environment: production }
      const domain = { ...key, name: parseDomainName('*.example.com'), by: 'ann', at: 7 }
      await rejectsWith('not-found', store.addDomain(domain))
      await store.createApp(shop, 'ann', 1)
      await store.createApp(other.app, 'ann', 2)
      assert.deepEqual(await store.addDomain(domain), domain)
      assert.deepEqual(await store.addDomain({ ...domain, by: 'bob', at: 8 }), domain)
      await rejectsWith('already-exists', store.addDomain({ ...domain, ...other }))
      const second = { ...domain, ...other, name: parseDomainName('blog.example.com') }
      await store.addDomain(second)
      assert.deepEqual(await store.listDomains(), [domain, second])
      await rejectsWith('not-found', store.removeDomain(other, domain.name))
      await store.removeDomain(key, domain.name)
      await rejectsWith('not-found', store.removeDomain(key, domain.name))
      assert.deepEqual(await store.addDomain({ ...domain, ...other }), { ...domain, ...other })
      await store.markAppDestroyed(other.app, 9)
      await rejectsWith('conflict', store.addDomain({ ...second, name: parseDomainName('late.example.com') }))
      await store.removeApp(other.app)
      assert.deepEqual(await store.listDomains(), [])
    })

    given('keeps certificates without showing their keys, and the ACME account', async store => {
      const facts = { issuer: 'CA', notBefore: 1, notAfter: 9, by: 'ann' }
      const own = { ...facts, id: 'aa', source: 'own', names: ['a.example.com'], at: 5 } as const
      const byAcme = { ...facts, id: 'bb', source: 'acme', names: ['*.example.com'], at: 6 } as const
      await store.saveCertificate(own, new Secret('first'))
      await store.saveCertificate({ ...own, by: 'bob' }, new Secret('again'))
      await store.saveCertificate(byAcme, new Secret('second'))
      assert.deepEqual(await store.listCertificates(), [byAcme, own])
      assert.equal((await store.openCertificate('aa'))?.reveal(), 'first')
      assert.equal(await store.openCertificate('cc'), null)
      await store.removeCertificate('aa')
      await rejectsWith('not-found', store.removeCertificate('aa'))

      assert.equal(await store.readAcme(), null)
      const settings = { directory: 'https://ca.test/', rehearsal: null, email: null, ca: null, dnsHook: 'dns' }
      const account = { ...settings, by: 'ann', at: 1, key: new Secret('key') }
      await store.writeAcme(account)
      await store.writeAcme({ ...account, email: 'a@b.test' })
      assert.deepEqual(await store.readAcme(), { ...account, email: 'a@b.test' })
      await store.removeAcme()
      assert.equal(await store.readAcme(), null)
    })

    given('keeps how far an order is; one whose CA was asked is not hurried', async store => {
      const order = { reason: 'no', attempts: 2, nextAt: 900, changedAt: 5 }
      const added = { ...order, name: parseDomainName('a.test.org'), state: 'added' } as const
      const seen = { ...order, name: parseDomainName('b.test.org'), state: 'seen' } as const
      for (const one of [added, seen, { ...seen, attempts: 3 }]) await store.saveOrder(one)
      for (const { name } of [added, seen]) await store.hurryOrder(name, 10)
      assert.deepEqual(await store.listOrders(), [
        { ...added, nextAt: 10 },
        { ...seen, attempts: 3 },
      ])
      await store.removeOrder(added.name)
      assert.equal((await store.listOrders()).length, 1)
    })

    given('restores rows of a lost database, once, and goes on counting from them', async store => {
      const run: Run = {
        ...key,
        id: parseRunId('run00007'),
        intent: { kind: 'commit', commit },
        state: 'settled',
        reason: 'read back',
        details: [],
        by: 'ann',
        createdAt: 5,
        changedAt: 9,
        releasePhaseStarted: false,
        release: 7,
      }
      const release: Release = { ...newRelease('run00007'), number: 7, config: 4 }
      const values = { A: new Secret('1') }
      const rows: RestoredApp = {
        app: { app: shop, createdAt: 5, createdBy: 'unknown', destroyedAt: null },
        environments: [
          {
            ...key,
            branch: parseBranchName('trunk'),
            config: [{ version: 4, values, by: 'bob', at: 3 }],
            domains: [parseDomainName('shop.example.com')],
            runs: [{ run, release, steps: { parts: { config: 4 } } }],
          },
        ],
      }
      await store.restore([rows])
      await store.restore([rows])
      assert.deepEqual(await store.listApps(), [rows.app])
      assert.deepEqual(await store.listEnvironments(), [{ ...key, branch: 'trunk' }])
      assert.deepEqual(await store.listRuns(key, 9), [run])
      assert.deepEqual(await store.servingRelease(key), release)
      assert.deepEqual(await store.findImage(shop, 'key-1'), image)
      assert.deepEqual(await store.findStep(run.id, 'parts'), { result: { config: 4 } })
      assert.deepEqual(
        (await store.listDomains()).map(domain => domain.name),
        ['shop.example.com'],
      )
      const config = await store.readConfig(key, 0)
      assert.deepEqual([config.version, config.by, reveal(config.values)], [4, 'bob', { A: '1' }])
      assert.equal((await store.writeConfig(key, 4, {}, 'ann', 10)).version, 5)
      await store.insertRun(newRun('run00008'))
      assert.equal((await store.insertRelease(newRelease('run00008'))).number, 8)
      assert.deepEqual(
        (await store.listRuns(key, 9)).map(one => one.id),
        ['run00008', 'run00007'],
      )
    })
  })
}

function reveal(values: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.reveal()]))
}
