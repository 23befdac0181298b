import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { type CommitId, parseBranchName } from '../core/names.ts'
import type { Run } from '../core/run.ts'
import { stoppedLabels } from '../core/stopped.ts'
import { systemClock } from '../core/system.ts'
import type { RetainedLogs, RetainedLogsQuery } from '../observe/retained-logs.ts'
import type {
  BillDocument,
  ConfigDocument,
  EjectDocument,
  LimitDocument,
  LogEntry,
  ProcessDocument,
  ReleaseDocument,
} from './documents.ts'
import type { Problem } from './problem.ts'
import { goLive, image, makeTestApi, shop } from '../../test/doubles/api.ts'

const production = '/apps/shop/environments/production'

async function withApp() {
  const world = await makeTestApi()
  await world.call('POST', '/apps', { name: 'shop' })
  /** A deploy that went live. */
  const release = async (text: string) => {
    const commit = world.repositories.addCommit(shop.app, { files: { 'server.js': text } })
    const { body } = await world.call<{ run: Run }>('POST', `${production}/deploy`, { commit })
    return goLive(world.store, body.run)
  }
  const submitted = async (path: string, body: unknown) => {
    const answer = await world.call<{ run: Run }>('POST', `${production}/${path}`, body)
    assert.equal(answer.status, 202, JSON.stringify(answer.body))
    return answer.body.run
  }
  const refused = async (method: string, path: string, body: unknown) => {
    const answer = await world.call<Problem>(method, path, body)
    return `${answer.status} ${answer.body.code}: ${answer.body.detail}`
  }
  return { ...world, release, submitted, refused }
}

test('an app is made, found, listed and destroyed by its typed name', async () => {
  const { call, refused } = await withApp()
  const app = await call<{ url: string; gitUrl: string }>('GET', '/apps/shop')
  assert.equal(app.body.url, 'https://shop.example.test:8443')
  assert.equal(app.body.gitUrl, 'https://lading.example.test:8443/shop.git')
  assert.equal((await call<unknown[]>('GET', '/apps')).body.length, 1)
  assert.equal(await refused('POST', '/apps', { name: 'shop' }), '409 already-exists: the name shop is taken')
  assert.match(await refused('DELETE', '/apps/shop', {}), /^422 invalid-input: confirm: /)
  assert.match(await refused('DELETE', '/apps/shop', { confirm: 'shops' }), /^422 invalid-input: destroying shop needs/)
  assert.deepEqual(await call('DELETE', '/apps/shop', { confirm: 'shop' }), {
    status: 200,
    body: { app: 'shop', destroyed: true },
  })
  assert.equal(await refused('GET', '/apps/shop', undefined), '404 not-found: there is no app shop')
})

test('a name that is no name, or the platform’s own, is refused', async () => {
  const { refused } = await withApp()
  for (const name of ['', 'Shop', 'a_b', '-a', 'a--b', 'a-', '$(touch x)', 'a;id', '../x', 'x'.repeat(31)])
    assert.match(await refused('POST', '/apps', { name }), /^422 invalid-input: .* is not a valid app name$/)
  for (const name of ['lading', 'git', 'api', 'www', 'registry', 'lading-keeper'])
    assert.match(await refused('POST', '/apps', { name }), /is kept for the platform$/)
})

test('input is read strictly, and an error names its place', async () => {
  const { api, refused, release } = await withApp()
  await release('1')
  assert.match(await refused('POST', '/apps', { name: 'x', colour: 'red' }), /Unrecognized key: "colour"/)
  assert.match(await refused('POST', `${production}/scale`, { formation: { web: 1.5 } }), /422 .*: formation.web: /)
  assert.match(await refused('POST', `${production}/scale`, { formation: { web: 101 } }), /formation.web: .*100/)
  assert.match(await refused('GET', `${production}/releases?limit=0`, undefined), /limit: /)
  assert.match(await refused('GET', `/apps/shop/environments/staging/releases`, undefined), /404 not-found/)
  for (const [headers, body] of [
    [{}, '{}'],
    [{ 'content-type': 'text/plain' }, '{}'],
    [{ 'content-type': 'application/json' }, '{'],
  ] as const) {
    const response = await api.request(`/v1${production}/deploy`, { method: 'POST', headers, body })
    assert.equal(response.status, 422)
  }
  const large = await api.request('/v1/apps', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'x'.repeat(300_000) }),
  })
  assert.equal(large.status, 422)
  assert.equal(large.headers.get('content-type'), 'application/problem+json')
})

test('deploy takes a commit, else the head of the branch, else what serves', async () => {
  const { submitted, refused, release, repositories } = await withApp()
  const signal = new AbortController().signal
  assert.match(await refused('POST', `${production}/deploy`, {}), /^404 not-found: shop has no commit to deploy/)
  const first = await release('1')
  const commitOf = (run: Run): CommitId | null => (run.intent.kind === 'commit' ? run.intent.commit : null)
  assert.equal(commitOf(await submitted('deploy', {})), first.commit)
  const second = repositories.addCommit(shop.app, { files: { a: '2' } })
  await repositories.moveBranch(shop.app, parseBranchName('main'), { from: null, to: second }, signal)
  assert.equal(commitOf(await submitted('deploy', {})), second)
  assert.equal(commitOf(await submitted('deploy', { commit: first.commit?.slice(0, 8) })), first.commit)
  assert.match(await refused('POST', `${production}/deploy`, { commit: '--upload-pack=x' }), /^404 not-found/)
})

test('releases are listed newest first, each with what became of it', async () => {
  const { call, release } = await withApp()
  await release('1')
  await release('2')
  const { body } = await call<ReleaseDocument[]>('GET', `${production}/releases`)
  assert.deepEqual(
    body.map(({ release, serving, state, by }) => ({ release, serving, state, by })),
    [
      { release: 'v2', serving: true, state: 'live', by: 'root' },
      { release: 'v1', serving: false, state: 'live', by: 'root' },
    ],
  )
  const bill = (await call<BillDocument>('GET', `${production}/releases/v2`)).body
  assert.equal(bill.release, 'v2')
  assert.equal(bill.author, 'Ada <ada@example.com>')
  assert.deepEqual(bill.image.layers, image.layers)
  assert.equal(bill.verdict.outcome, 'nothing-tested')
  assert.equal(bill.outcome.serving, true)
  for (const number of ['v3', '3']) assert.equal((await call('GET', `${production}/releases/${number}`)).status, 404)
  assert.equal((await call('GET', `${production}/releases/0`)).status, 422)
})

test('rollback goes to the release before, or to the one that is named', async () => {
  const { submitted, refused, release, call, store } = await withApp()
  assert.match(
    await refused('POST', `${production}/rollback`, {}),
    /^409 conflict: shop has no release to roll back from/,
  )
  await release('1')
  assert.match(
    await refused('POST', `${production}/rollback`, {}),
    /^409 conflict: before v1 there is no other release/,
  )
  assert.equal(await refused('POST', `${production}/rollback`, { to: 1 }), '409 conflict: v1 serves already')
  await release('2')
  await release('3')
  assert.match(await refused('POST', `${production}/rollback`, { to: 9 }), /^404 not-found: there is no release v9/)
  const named = await submitted('rollback', { to: 1, releasePhase: false })
  assert.deepEqual(named.intent, { kind: 'rollback', to: 1, releasePhase: false, automatic: false })
  await goLive(store, named)
  assert.match(await refused('POST', `${production}/rollback`, { to: 1 }), /v1 serves already: v4 has the same image/)
  const next = await submitted('rollback', {})
  assert.deepEqual(next.intent, { kind: 'rollback', to: 3, releasePhase: true, automatic: false })
  assert.equal((await call<ReleaseDocument[]>('GET', `${production}/releases`)).body[0]?.description, 'Rollback to v1')
})

test('scale knows the process types of the release that serves', async () => {
  const { submitted, refused, release } = await withApp()
  const scale = (formation: unknown) => refused('POST', `${production}/scale`, { formation })
  assert.match(await scale({ web: 2 }), /^409 conflict: shop has no release to scale/)
  await release('1')
  assert.match(await scale({ job: 2 }), /^422 invalid-input: there is no process type job/)
  assert.match(await scale({}), /^422 invalid-input: no process type/)
  const run = await submitted('scale', { formation: { web: 3, worker: 0 } })
  assert.deepEqual(run.intent, { kind: 'scale', formation: { web: 3, worker: 0 } })
})

test('several config changes are one version and one run, and none when nothing changes', async () => {
  const { call, release, store } = await withApp()
  type Change = { version: number; changed: string[]; run: Run | null }
  const patch = (body: unknown) => call<Change>('PATCH', `${production}/config`, body)
  const stored = await patch({ A: '1', B: 'two\nlines' })
  assert.deepEqual(stored, { status: 200, body: { version: 2, changed: ['A', 'B'], run: null } })
  await release('1')
  assert.deepEqual((await patch({ A: '1' })).body, { version: 2, changed: [], run: null })
  const changed = await patch({ A: '3', B: null, C: null })
  assert.equal(changed.status, 202)
  assert.deepEqual(changed.body.changed, ['A', 'B'])
  assert.deepEqual(changed.body.run?.intent, { kind: 'config', config: 3, summary: 'Set A; Unset B, C' })
  const config = (await call<ConfigDocument>('GET', `${production}/config`)).body
  assert.deepEqual(config.values, { A: '3' })
  assert.equal(config.version, 3)
  assert.equal(config.serving, 2)
  // The first run never came to serve: setting the same again tries again.
  const again = await patch({ A: '3' })
  assert.deepEqual(again.body.changed, [])
  assert.equal(again.body.run?.intent.kind, 'config')
  await goLive(store, again.body.run)
  assert.equal((await patch({ A: '3' })).body.run, null)
})

test('config that cannot be an environment variable is refused whole', async () => {
  const { refused, call } = await withApp()
  const patch = (body: unknown) => refused('PATCH', `${production}/config`, body)
  for (const key of ['A;id', 'A B', 'A=$(id)', '1A', 'PORT', 'LADING_X', '__proto', ''])
    assert.match(await patch({ GOOD: '1', [key]: 'x' }), /is not a valid config key$/)
  assert.match(await patch({ A: 'a\0b' }), /^422 invalid-input: the value of A contains a NUL/)
  assert.match(await patch({ A: 1 }), /^422 invalid-input: A: /)
  assert.match(await patch({ A: 'x'.repeat(65_536) }), /the config would have 65537 bytes/)
  assert.deepEqual((await call<ConfigDocument>('GET', `${production}/config`)).body.values, {})
})

test('processes are what the keepers see, and what Swarm could not start', async () => {
  const { call, world } = await withApp()
  world.process('worker.1', { release: 2, proof: 'none', address: null })
  world.process('web.10', { release: 2, proof: 'checking', lastCheck: 'HTTP 503' })
  const known = world.process('web.9', { release: 2 })
  // The end of a release that may not run any more is the log's; the last end of one that should run is shown.
  world.process('web.1', { state: 'exited', exitCode: 3, proof: 'none' })
  world.process('web.2', { release: 2, state: 'exited', exitCode: 4, proof: 'none', startedAt: 1 })
  world.process('web.2', { release: 2, state: 'exited', exitCode: 5, proof: 'none', startedAt: 2 })
  const task = { node: null, container: null, exitCode: null, error: null }
  world.tasks.push(
    { ...task, id: 'b', slot: 1, state: 'pending', error: 'no suitable node (insufficient memory)' },
    { ...task, id: 'a', slot: 1, state: 'failed' },
    { ...task, id: 'c', slot: 9, state: 'starting', container: known.container },
    { ...task, id: 'd', slot: 3, state: 'shutdown' },
  )
  const { body } = await call<ProcessDocument[]>('GET', `${production}/processes`)
  assert.deepEqual(
    body.map(({ name, release, state, note }) => [name, release, state, note].join(' ')),
    [
      'web.1 2 pending no suitable node (insufficient memory)',
      'web.2 2 exited exit code 5',
      'web.9 2 running ',
      'web.10 2 running HTTP 503',
      'worker.1 2 running ',
    ],
  )
})

test('a process type that the platform stopped says why, in the list and before the log', async () => {
  const { call, world, api } = await withApp()
  world.process('web.1', { release: 2, state: 'exited', exitCode: 137 })
  world.serviceLabels = stoppedLabels({ why: 'disk', bytes: 3 * 1024 ** 3, at: 1_700_000_000_000 })
  const sentence = 'web of v2 was stopped by the platform: it had written 3 GiB, and the disk was nearly full'
  const { body } = await call<ProcessDocument[]>('GET', `${production}/processes`)
  assert.deepEqual(
    body.map(({ name, state, note }) => [name, state, note]),
    [['web', 'stopped', `${sentence}; "lading deploy" starts it again`]],
  )
  for (const [query, begins] of [
    ['', true],
    ['?source=platform', true],
    ['?source=router', false],
  ] as const) {
    const text = await (await api.request(`/v1${production}/logs${query}`)).text()
    assert.equal(text.includes(sentence), begins, query)
  }
})

test('logs of all processes and the router are one, by time', async () => {
  const { api, world } = await withApp()
  const one = world.process('web.1')
  const two = world.process('web.2')
  world.log(one.container, '2026-11-24T10:00:00.100000000Z', 'first')
  world.log(two.container, '2026-11-24T10:00:00.200000000Z', 'second')
  world.log('router', '2026-11-24T10:00:00.150Z', 'at=info')
  world.log(one.container, '2026-11-24T10:00:01Z', 'fourth')
  const read = async (query: string) => {
    const text = await (await api.request(`/v1${production}/logs${query}`)).text()
    return text
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as LogEntry)
  }
  assert.deepEqual(
    (await read('')).map(({ source, text }) => `${source} ${text}`),
    ['web.1 first', 'router at=info', 'web.2 second', 'web.1 fourth'],
  )
  assert.deepEqual(
    (await read('?tail=1')).map(({ text }) => text),
    ['fourth'],
  )
  assert.deepEqual(await read('?tail=0'), [])
})

test('a log that cannot be read is said, and the others are read', async () => {
  const { api, world } = await withApp()
  const one = world.process('web.1')
  const two = world.process('web.2')
  world.log(one.container, '2026-11-24T10:00:00Z', 'first')
  world.broken.add(two.container)
  const text = await (await api.request(`/v1${production}/logs`)).text()
  assert.match(text, /"source":"web.1".*"first"/)
  assert.match(text, /"source":"lading".*the log of web.2 cannot be read: no keeper answers on node one/)
})

test('retained logs are read in place of the engine’s, those of the app that has the name now', async () => {
  const asked: RetainedLogsQuery[] = []
  const retainedLogs: RetainedLogs = {
    async *lines(query) {
      asked.push(query)
      const line = { time: '2026-11-24T10:00:00.000000000Z', source: 'web.1', stream: 'stdout' } as const
      yield { ...line, text: 'of a process that is gone', release: 'v1' }
    },
    forget: () => Promise.resolve(),
  }
  const { api, call } = await makeTestApi({ retainedLogs })
  await call('POST', '/apps', { name: 'shop' })
  const read = async (query: string) => (await api.request(`/v1${production}/logs${query}`)).text()
  assert.match(await read('?source=web,platform&tail=7'), /"text":"of a process that is gone","release":"v1"/)
  assert.deepEqual([asked[0]?.sources, asked[0]?.tail, asked[0]?.follow], [['web', 'lading'], 7, false])
  assert.ok(Math.abs(Date.parse(`${asked[0]?.since}Z`) - Date.now()) < 60_000)
  await read('?since=2999-01-01T00:00:00Z')
  assert.equal(asked[1]?.since, '2999-01-01T00:00:00.000000000')
  assert.match(await read('?source=../etc'), /invalid-input/)
  assert.match(await read('?since=yesterday'), /a moment, such as/)
})

test('where no follower answers, the engine’s lines are read, and that is said', async () => {
  const away = new AppError('unavailable', 'the log follower does not answer', { retryable: true })
  const retainedLogs: RetainedLogs = {
    async *lines() {
      throw away
    },
    forget: () => Promise.reject(away),
  }
  const { api, call, world } = await makeTestApi({ retainedLogs })
  await call('POST', '/apps', { name: 'shop' })
  world.log(world.process('web.1').container, '2026-11-24T10:00:00Z', 'first')
  world.log('router', '2026-11-24T10:00:01Z', 'at=info')
  const text = await (await api.request(`/v1${production}/logs?source=app`)).text()
  assert.match(text, /the log follower does not answer; these are the lines that the engine still has/)
  assert.match(text, /"source":"web.1".*"first"/)
  assert.doesNotMatch(text, /router/)
})

test('lines of builds come from their runs', async () => {
  const { api, submitted, release, store } = await withApp()
  await release('1')
  const { id } = await submitted('scale', { formation: { web: 2 } })
  await store.appendLines(id, [{ at: 1_700_000_000_000, text: 'npm ci' }])
  const text = await (await api.request(`/v1${production}/logs?source=build`)).text()
  assert.match(text, /\{"time":"2023-11-14T22:13:20.000000000Z","source":"build","stream":"stdout","text":"npm ci"/)
  assert.match(await (await api.request(`/v1${production}/logs?source=build&follow=1`)).text(), /not followed/)
})

test('a destruction that drains for long answers 202 and goes on, and its failure is reported', async () => {
  const clock = { ...systemClock, sleep: () => Promise.resolve() }
  const { call, cuts, reported } = await makeTestApi({ clock })
  await call('POST', '/apps', { name: 'shop' })
  const drained = Promise.withResolvers<void>()
  cuts.draining = drained.promise
  const answer = await call('DELETE', '/apps/shop', { confirm: 'shop' })
  assert.deepEqual(answer, { status: 202, body: { app: 'shop', destroyed: false } })
  assert.equal((await call('GET', '/apps/shop')).body['beingDestroyed'], true)
  assert.equal((await call('POST', '/apps', { name: 'shop' })).status, 409)
  drained.reject(new AppError('unavailable', 'no keeper answers'))
  await Promise.allSettled([drained.promise])
  while (reported.length === 0) await systemClock.sleep(1)
  assert.equal(reported[0]?.message, 'no keeper answers')
})

test('following the log gives what comes, of new processes too, and ends with the reader', async () => {
  const { api, world } = await withApp()
  const one = world.process('web.1')
  world.log(one.container, '2026-11-24T10:00:00Z', 'past')
  const response = await api.request(`/v1${production}/logs?follow=1`)
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson')
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const next = async () => (JSON.parse((await reader.read()).value ?? 'null') as LogEntry | null)?.text
  assert.equal(await next(), 'past')
  world.log(one.container, '2026-11-24T10:00:00Z', 'same moment')
  assert.equal(await next(), 'same moment')
  const newcomer = world.process('web.1', { release: 2 })
  world.log(newcomer.container, '2026-11-24T10:00:02Z', 'new')
  assert.equal(await next(), 'new')
  world.log('router', '2026-11-24T10:00:03Z', 'at=info')
  assert.equal(await next(), 'at=info')
  await reader.cancel()
})

test('a run is told from the line after the last one that was seen, with its outcome', async () => {
  const { api, submitted, release, store } = await withApp()
  await release('1')
  const { id } = await submitted('scale', { formation: { web: 2 } })
  await store.appendLines(id, [{ at: 1, text: 'one' }])
  const text = await (await api.request(`/v1/runs/${id}/events`)).text()
  assert.match(
    text,
    /^id: 1\nevent: line\ndata: \{"seq":1,"text":"one"\}\n\nid: 2\nevent: line\n.*\n\nevent: outcome\ndata: /,
  )
  const rest = await (await api.request(`/v1/runs/${id}/events`, { headers: { 'last-event-id': '1' } })).text()
  assert.match(rest, /^id: 2\n/)
})

test('runs are listed, shown with their lines, and cancelled', async () => {
  const { call, submitted, refused, release } = await withApp()
  await release('1')
  const { id } = await submitted('scale', { formation: { web: 2 } })
  assert.deepEqual(
    (await call<Run[]>('GET', `${production}/runs?limit=1`)).body.map(run => run.id),
    [id],
  )
  const cancelled = await call<Run>('POST', `/runs/${id}/cancel`)
  assert.equal(cancelled.body.state, 'cancelled')
  assert.equal(cancelled.body.reason, 'cancelled by root')
  assert.deepEqual((await call<{ lines: unknown[] }>('GET', `/runs/${id}`)).body.lines, [])
  assert.match(await refused('GET', '/runs/run00009', undefined), /^404 not-found: there is no run run00009/)
})

test('limits are listed and set, all of them or none, and hold at once', async () => {
  const { call, refused } = await withApp()
  const of = (all: readonly LimitDocument[], name: string) => all.find(limit => limit.name === name)
  const { body } = await call<LimitDocument[]>('GET', '/limits')
  assert.deepEqual([of(body, 'configBytes')?.value, of(body, 'configBytes')?.isSet], [65536, false])
  assert.equal(of(body, 'leaseMs')?.unit, null)
  assert.match(
    await refused('PATCH', '/limits', { configBytes: '2K', pids: '1' }),
    /^422 invalid-input: pids cannot be "1"/,
  )
  assert.match(await refused('PATCH', '/limits', { leaseMs: '5' }), /^422 invalid-input: leaseMs is fixed/)
  const big = { KEY: 'x'.repeat(3000) }
  assert.equal((await call('PATCH', `${production}/config`, big)).status, 200)
  const set = await call<LimitDocument[]>('PATCH', '/limits', { configBytes: '2K' })
  assert.deepEqual([of(set.body, 'configBytes')?.value, of(set.body, 'configBytes')?.isSet], [2048, true])
  assert.match(await refused('PATCH', `${production}/config`, { MORE: 'x' }), /3008 bytes, and 2048 are allowed/)
  await call('PATCH', '/limits', { configBytes: null })
  assert.equal((await call('PATCH', `${production}/config`, { MORE: 'x' })).status, 200)
})

test('limits per source address are told to the edges when they are set, and no other limit is', async () => {
  const { call, refused, world } = await withApp()
  await call('PATCH', '/limits', { configBytes: '2K' })
  assert.match(await refused('PATCH', '/limits', { sourceConnections: '1' }), /^422 invalid-input: sourceConnections/)
  await call('PATCH', '/limits', { sourceConnections: '300', sourceRequestsPerSecond: '70' })
  await call('PATCH', '/limits', { sourceConnections: null })
  assert.deepEqual(world.sourceLimits, [
    { connections: 300, requestsPerSecond: 70 },
    { connections: 2000, requestsPerSecond: 70 },
  ])
})

test('what serves is told so that it can run elsewhere; before the first release there is nothing', async () => {
  const { api, call, release, refused } = await withApp()
  assert.match(await refused('GET', `${production}/eject`, undefined), /^404 not-found: nothing of shop serves yet/)
  assert.match(await refused('GET', '/apps/shop/repository', undefined), /^404 not-found: nothing was ever pushed/)
  assert.match(
    await refused('GET', `${production}/releases/1/image`, undefined),
    /^404 not-found: there is no release v1/,
  )
  await call('PATCH', `${production}/config`, { KEY: 'a "value"', TINI_KILL_PROCESS_GROUP: '0' })
  await release('1')
  const { body } = await call<EjectDocument>('GET', `${production}/eject`)
  assert.deepEqual(body.config, { KEY: 'a "value"' })
  assert.deepEqual(
    body.services.map(({ type, count, port }) => [type, count, port]),
    [
      ['web', 1, 8080],
      ['worker', 0, null],
    ],
  )
  assert.equal(body.services[0]?.environment['TINI_KILL_PROCESS_GROUP'], '1')
  const saved = await api.request(`/v1${production}/releases/${body.release}/image`)
  const text = await saved.text()
  assert.equal(saved.headers.get('content-length'), String(text.length))
  assert.match(text, /^localhost\/shop:v1 is 127/)
})

test('what is no one’s input is told with its code, and reported', async () => {
  const { call, reported, store } = await withApp()
  await store.close()
  const answer = await call<Problem>('GET', '/apps')
  assert.equal(answer.status, 500)
  assert.equal(answer.body.code, 'internal')
  assert.equal(reported.length, 1)
})

test('an edge that says nothing is unavailable, not an endless wait', { timeout: 60_000 }, async () => {
  const { call, world } = await withApp()
  world.silent = true
  const answer = await call<Problem>('GET', `${production}/processes`)
  assert.equal(answer.status, 503)
  assert.equal(answer.body.code, 'unavailable')
})
