import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AppError, type ErrorCode } from '../../src/core/errors.ts'
import { label, type Labels } from '../../src/core/labels.ts'
import { parseAppName, parseDomainName, parseHostName, production, type EnvironmentKey } from '../../src/core/names.ts'
import { first } from '../../src/lib/async/ticks.ts'
import type { Edges, EnvironmentView, LaneSpec, ProcessView } from '../../src/edge/edges.ts'
import { eventually } from '../rig/eventually.ts'

/** What the suite needs besides the port: processes of a release on a real engine or a fake one, and a visitor. */
export interface Ground {
  readonly edges: Edges
  /** The same edges, by a control plane of a lower term. */
  readonly late: Edges
  /** Prefix of all app names of this run. */
  readonly prefix: string
  /** Starts that many processes with these labels; each answers with its release's number. */
  start(name: string, labels: Labels, processes: number): Promise<void>
  stop(name: string): Promise<void>
  /** A process dies by itself. */
  kill(container: string): Promise<void>
  /** What a request for this host is answered: status and body. */
  visit(host: string): Promise<{ readonly status: number; readonly body: string }>
  /** What a host that no one has answers to a CA that asks for this token; null: not found. */
  answerTo(token: string): Promise<string | null>
  /** PEM chain and key for a host. */
  readonly pem: Parameters<Edges['certify']>[1]
}

/** The law of the port `Edges`, for every implementation of it. */
export function edgesContract(name: string, ground: Ground): void {
  const { edges, late, prefix } = ground
  const signal = AbortSignal.timeout(300_000)
  const key = (app: string): EnvironmentKey => ({ app: parseAppName(prefix + app), environment: production })
  const host = (app: string) => parseHostName(`${prefix}${app}.test`)
  const lane = (app: string, release: number, changes: Partial<LaneSpec> = {}): LaneSpec => ({
    ...key(app),
    release,
    processes: 1,
    protocol: 'h1',
    healthPath: null,
    firstByteSeconds: 30,
    idleSeconds: 55,
    ...changes,
  })
  const labels = (app: string, release: number): Labels => ({
    [label.app]: prefix + app,
    [label.environment]: production,
    [label.release]: String(release),
    [label.type]: 'web',
    [label.role]: 'process',
  })
  const start = (app: string, release: number, processes = 1) =>
    ground.start(`${prefix}${app}-v${release}`, labels(app, release), processes)
  const stop = (app: string, release: number) => ground.stop(`${prefix}${app}-v${release}`)
  const until = async (app: string, test: (view: EnvironmentView) => boolean): Promise<EnvironmentView> => {
    const done = new AbortController()
    const view = await first(edges.watch(key(app), AbortSignal.any([signal, done.signal])), test)
    done.abort()
    assert.ok(view, 'the watch ended')
    return view
  }
  const of = (view: EnvironmentView, release: number): readonly ProcessView[] =>
    view.processes.filter(process => process.release === release && process.state === 'running')
  const proven = async (app: string, release: number, processes = 1) =>
    of(await until(app, view => of(view, release).filter(one => one.proof === 'proven').length >= processes), release)

  void suite(`the edges port: ${name}`, () => {
    test('a host that no one has routed is not found', async () => {
      assert.equal((await ground.visit(host('shop'))).status, 404)
    })

    test('a process without a lane has no proof, and gets it once its release has one', async () => {
      await start('shop', 1)
      const before = await until('shop', view => of(view, 1).length === 1)
      assert.equal(of(before, 1)[0]?.proof, 'none')
      assert.match(of(before, 1)[0]?.address ?? '', /^\d+\.\d+\.\d+\.\d+:\d+$/)
      await edges.allocate(lane('shop', 1), signal)
      const [process] = await proven('shop', 1)
      assert.equal(process?.name, 'web.1')
    })

    test('leasing twice gives one lane', async () => {
      await edges.allocate(lane('shop', 1), signal)
      const { lanes } = await edges.state(signal)
      assert.equal(lanes.filter(one => one.app === key('shop').app).length, 1)
    })

    test('a proven release gets no request before it is routed, and every one after', async () => {
      assert.equal((await ground.visit(host('shop'))).status, 404)
      const route = { ...key('shop'), hosts: [host('shop')], release: 1 }
      await edges.route(route, signal)
      assert.deepEqual(await ground.visit(host('shop')), { status: 200, body: '1' })
      await edges.route(route, signal)
      assert.deepEqual(
        (await edges.state(signal)).routes.filter(one => one.app === route.app),
        [route],
      )
    })

    test('a release without a lane cannot be routed to', async () => {
      await rejects(edges.route({ ...key('shop'), hosts: [host('shop')], release: 9 }, signal), 'conflict')
      assert.equal((await ground.visit(host('shop'))).body, '1')
    })

    test('a switch moves all requests at once', async () => {
      await edges.allocate(lane('shop', 2), signal)
      await start('shop', 2)
      await proven('shop', 2)
      assert.equal((await ground.visit(host('shop'))).body, '1')
      await edges.route({ ...key('shop'), hosts: [host('shop')], release: 2 }, signal)
      for (let visit = 0; visit < 5; visit++) assert.equal((await ground.visit(host('shop'))).body, '2')
    })

    test('a host that another environment has is refused', async () => {
      await edges.allocate(lane('thief', 1), signal)
      await rejects(edges.route({ ...key('thief'), hosts: [host('shop')], release: 1 }, signal), 'conflict')
      await edges.release(lane('thief', 1), signal)
    })

    test('the lane that serves is not released; another one is, twice without error', async () => {
      await rejects(edges.release(lane('shop', 2), signal), 'conflict')
      await edges.release(lane('shop', 1), signal)
      await edges.release(lane('shop', 1), signal)
      assert.deepEqual(
        (await edges.state(signal)).lanes.filter(one => one.app === key('shop').app).map(one => one.release),
        [2],
      )
      const view = await until('shop', now => of(now, 1).every(one => one.proof === 'none'))
      assert.equal(of(view, 1).length, 1)
      await stop('shop', 1)
    })

    test('a process that dies is seen with its code, and the one in its place is proven again', async () => {
      const [old] = await proven('shop', 2)
      await ground.kill(old?.container ?? '')
      const view = await until('shop', now => now.processes.some(one => one.state === 'exited' && one.release === 2))
      const dead = view.processes.find(one => one.container === old?.container)
      assert.equal(dead?.exitCode, 137)
      assert.equal(dead?.address, null)
      const [next] = await proven('shop', 2)
      assert.notEqual(next?.container, old?.container)
      assert.equal((await ground.visit(host('shop'))).body, '2')
    })

    test('several processes are proven each for itself', async () => {
      await edges.allocate(lane('many', 1, { processes: 3 }), signal)
      await start('many', 1, 3)
      const processes = await proven('many', 1, 3)
      assert.deepEqual(processes.map(one => one.name).sort(), ['web.1', 'web.2', 'web.3'])
      assert.equal(new Set(processes.map(one => one.address)).size, 3)
      await stop('many', 1)
      await until('many', view => of(view, 1).length === 0)
      await edges.release(lane('many', 1), signal)
    })

    test('an environment holds four lanes, and says so at the fifth', async () => {
      for (const release of [1, 2, 3, 4]) await edges.allocate(lane('full', release), signal)
      await rejects(edges.allocate(lane('full', 5), signal), 'no-room')
      for (const release of [1, 2, 3, 4]) await edges.release(lane('full', release), signal)
    })

    test('the sockets of a process are seen', async () => {
      const [process] = await proven('shop', 2)
      assert.ok(process)
      const sockets = await edges.listening(process, signal)
      assert.ok(
        sockets.some(one => one.endsWith(':8080')),
        sockets.join(),
      )
    })

    test('nothing is in flight when no one asks', async () => {
      await until('shop', view => view.inFlight[2] === 0)
    })

    test('a certificate can be given and replaced', async () => {
      await edges.certify(host('shop'), ground.pem, signal)
      await edges.certify(host('shop'), ground.pem, signal)
    })

    test('a certificate is forgotten, twice without error', async () => {
      const wild = parseDomainName('*.wild.test')
      await edges.certify(wild, ground.pem, signal)
      assert.ok((await edges.state(signal)).certificates.includes(wild))
      await edges.onlyHttps(wild, true, signal)
      await edges.onlyHttps(wild, true, signal)
      assert.deepEqual((await edges.state(signal)).httpsOnly, [wild])
      await edges.uncertify(wild, signal)
      assert.deepEqual((await edges.state(signal)).httpsOnly, [])
      await edges.uncertify(wild, signal)
      assert.ok(!(await edges.state(signal)).certificates.includes(wild))
      assert.ok((await edges.state(signal)).certificates.includes(host('shop')))
    })

    test('limits per source are what was said last, twice without error', async () => {
      for (const limits of [
        { connections: 1999, requestsPerSecond: 999 },
        { connections: 2000, requestsPerSecond: 1000 },
      ]) {
        await edges.limitSources(limits, signal)
        await edges.limitSources(limits, signal)
        assert.deepEqual((await edges.state(signal)).sourceLimits, limits)
      }
    })

    test('a challenge is answered until it is withdrawn, and told in the state', async () => {
      await edges.challenge('token-1', 'token-1.thumb_print', signal)
      await edges.challenge('token-1', 'token-1.thumb_print', signal)
      assert.deepEqual((await edges.state(signal)).challenges, ['token-1'])
      assert.equal(await ground.answerTo('token-1'), 'token-1.thumb_print')
      await edges.challenge('token-1', null, signal)
      await edges.challenge('token-1', null, signal)
      assert.deepEqual((await edges.state(signal)).challenges, [])
      assert.equal(await ground.answerTo('token-1'), null)
    })

    test('a wildcard has what no exact name has, and one label of it', async () => {
      const { app, environment } = key('shop')
      const hosts = ['*.shop.test', 'www.shop.test'].map(parseDomainName)
      const before = (await edges.state(signal)).routes.find(route => route.app === app)
      await edges.route({ app, environment, release: before?.release ?? 0, hosts }, signal)
      const visited = async (name: string) => (await ground.visit(name)).status
      assert.equal(await visited('any.shop.test'), 200)
      assert.equal(await visited('www.shop.test'), 200)
      assert.equal(await visited('a.b.shop.test'), 404)
      assert.equal(await visited('shop.test'), 404)
      await edges.route({ app, environment, release: before?.release ?? 0, hosts: before?.hosts ?? [] }, signal)
      assert.equal(await visited('any.shop.test'), 404)
    })

    test('a lower term is refused everywhere, and changes nothing', async () => {
      await rejects(late.unroute(key('shop'), signal), 'lease-lost')
      await rejects(late.allocate(lane('shop', 3), signal), 'lease-lost')
      await rejects(late.release(lane('shop', 2), signal), 'lease-lost')
      assert.equal((await ground.visit(host('shop'))).body, '2')
    })

    test('a watch ends when it is aborted, a call with the reason', async () => {
      const own = new AbortController()
      const views: EnvironmentView[] = []
      const reading = (async () => {
        for await (const view of edges.watch(key('shop'), own.signal)) views.push(view)
      })()
      await eventually('a view', () => views.length > 0)
      own.abort(new Error('enough'))
      await reading
      await assert.rejects(edges.state(own.signal), /enough/)
    })

    test('an environment that is taken off answers 404', async () => {
      await edges.unroute(key('shop'), signal)
      await edges.unroute(key('shop'), signal)
      assert.equal((await ground.visit(host('shop'))).status, 404)
      await edges.release(lane('shop', 2), signal)
      await stop('shop', 2)
      const { lanes, routes } = await edges.state(signal)
      assert.ok(![...lanes, ...routes].some(one => one.app === key('shop').app))
    })
  })
}

async function rejects(call: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })
}
