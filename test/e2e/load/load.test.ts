import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { eventually } from '../../rig/eventually.ts'
import { must } from '../../rig/program.ts'
import { Load } from '../load.ts'
import type { RequestStream, Stream } from './options.ts'
import { judgeCuts, type LoadReport, type StreamReport } from './report.ts'

const requests: RequestStream = { kind: 'requests', name: 'r', host: 'app', path: '/', rate: 200, keepAlive: true }

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => server.close() }
}

async function load(port: number, ...streams: Stream[]): Promise<Load> {
  return Load.start({ connect: { address: '127.0.0.1', port }, streams })
}

function only(report: LoadReport): StreamReport {
  assert.equal(report.streams.length, 1)
  return report.streams[0]!
}

async function until(running: Load, what: string, is: (stream: StreamReport) => boolean): Promise<void> {
  await eventually(what, async () => is(only(await running.report())))
}

/** A fixture app as a process; killed at the end whatever happens. */
async function fixture(name: string) {
  const { server, port } = await serve(() => undefined)
  server.close()
  const folder = join(import.meta.dirname, '../../fixtures/apps', name)
  const child = spawn(process.execPath, ['server.js'], { cwd: folder, env: { PORT: String(port) }, stdio: 'ignore' })
  await eventually(`${name} listens`, async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    return true
  })
  return { port, child, [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

for (const keepAlive of [true, false]) {
  test(`every request is sent and its answer counted, ${keepAlive ? 'with' : 'without'} keep-alive`, async () => {
    let connections = 0
    using app = await serve((_request, response) => response.end('v1'))
    app.server.on('connection', () => connections++)
    using running = await load(app.port, { ...requests, keepAlive })
    await until(running, '100 answers', stream => stream.ok > 100)
    const report = only(await running.stop())
    assert.equal(report.failed, 0, JSON.stringify(report.failures))
    assert.equal(report.sent, report.ok)
    assert.equal(report.open, 0)
    assert.deepEqual(
      report.answers.map(({ body, count }) => [body, count]),
      [['v1', report.ok]],
    )
    if (keepAlive) assert.ok(connections < report.sent / 2)
    else assert.equal(connections, report.sent)
  })
}

test('slow answers do not slow the arrivals, and those that are too late are failures', async () => {
  using app = await serve(() => undefined)
  using running = await load(app.port, { ...requests, timeoutMs: 500 })
  await until(running, '200 are sent although none was answered', stream => stream.sent > 200)
  app.server.closeIdleConnections()
  const report = only(await running.stop())
  assert.equal(report.ok, 0)
  assert.equal(report.failedBy['time-out'], report.sent)
})

test('statuses, wrong answers, resets and refusals are failures by their cause', async () => {
  const cases: [string, RequestListener][] = [
    ['status 503', (_request, response) => response.writeHead(503).end()],
    ['wrong answer', (_request, response) => response.end('another app')],
    ['ECONNRESET', request => request.socket.resetAndDestroy()],
    ['connection closed', request => request.socket.end()],
  ]
  for (const [cause, listener] of cases) {
    using app = await serve(listener)
    using running = await load(app.port, { ...requests, expect: 'v1' })
    await until(running, cause, stream => stream.failed > 5)
    assert.deepEqual(Object.keys(only(await running.stop()).failedBy), [cause])
  }
  const { server, port } = await serve(() => undefined)
  server.close()
  using running = await load(port, requests)
  await until(running, 'refusals', stream => stream.failed > 5)
  assert.deepEqual(Object.keys(only(await running.stop()).failedBy), ['ECONNREFUSED'])
})

test('answers in chunks and answers that end with the connection are whole', async () => {
  using app = await serve((request, response) => {
    if (request.url === '/close') response.shouldKeepAlive = false
    response.useChunkedEncodingByDefault = request.url !== '/close'
    response.write('v')
    setImmediate(() => response.end('1'))
  })
  using running = await load(app.port, requests, { ...requests, name: 'c', path: '/close' })
  await eventually('answers', async () => (await running.report()).streams.every(stream => stream.ok > 20))
  for (const report of (await running.stop()).streams) {
    assert.equal(report.failed, 0, JSON.stringify(report.failures))
    assert.deepEqual(
      report.answers.map(({ body }) => body),
      ['v1'],
    )
  }
})

test('an upload takes its time and is judged by its hash', async () => {
  using app = await fixture('upload')
  const upload = {
    kind: 'uploads',
    name: 'u',
    host: 'app',
    path: '/',
    rate: 10,
    bytes: 1_000_000,
    overMs: 400,
  } as const
  using running = await load(app.port, upload)
  await until(running, 'three uploads', stream => stream.ok >= 3)
  const report = only(await running.stop())
  assert.equal(report.failed, 0, JSON.stringify(report.failures))
  assert.ok(report.latency.p50 > 300)
})

const sockets = { kind: 'websockets', name: 'w', host: 'app', path: '/', count: 3 } as const

test('WebSockets are held; a cut is told with its code and version, and a refused reconnect is a failure', async () => {
  using app = await fixture('websocket')
  using running = await load(app.port, sockets)
  await until(running, 'three are open', stream => stream.held === 3)
  app.child.kill('SIGTERM')
  await ended(app.child)
  await until(running, 'the reconnects were refused', stream => stream.failed === 3)
  const report = only(await running.stop())
  assert.deepEqual(
    report.cuts.map(({ code, hello }) => [code, hello]),
    Array.from({ length: 3 }, () => [1001, 'hello from v1']),
  )
  assert.deepEqual(report.failedBy, { ECONNREFUSED: 3 })
  const [cut] = report.cuts
  assert.equal(judgeCuts(report, [], 0).length, 3)
  assert.equal(judgeCuts(report, [cut!.cutAt - 10], 30_000).length, 3)
  assert.equal(judgeCuts(report, [Math.max(...report.cuts.map(each => each.openedAt))], 0).length, 0)
})

test('WebSockets that no one cuts are good', async () => {
  using app = await fixture('websocket')
  using running = await load(app.port, sockets)
  await until(running, 'three are open', stream => stream.held === 3)
  const report = only(await running.stop())
  assert.deepEqual([report.sent, report.ok, report.failed, report.cuts.length], [3, 3, 0, 0])
})

test('over TLS too, a request that is too late is a failure and not the end of the load', async () => {
  const { key, cert } = await certificate()
  const server = createTlsServer({ key, cert }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  using running = await Load.start({
    connect: { address: '127.0.0.1', port },
    tls: { ca: cert },
    streams: [{ ...requests, rate: 20, timeoutMs: 300 }],
  })
  await until(running, 'time-outs', stream => stream.failed > 5)
  assert.deepEqual(Object.keys(only(await running.stop()).failedBy), ['time-out'])
  server.close()
})

/** A certificate for the host `app`, signed by itself. */
async function certificate() {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'load-'))
  const [keyFile, certFile] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')]
  const subject = ['-subj', '/CN=app', '-addext', 'subjectAltName=DNS:app', '-days', '1', '-nodes']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  await must(['openssl', 'req', '-x509', ...curve, ...subject, '-keyout', keyFile, '-out', certFile])
  return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8') }
}
