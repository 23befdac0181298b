import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { eventually } from '../../rig/eventually.ts'
import type { App, Platform } from '../host.ts'
import { askHttp2, Visitor, type Ask } from './visitor.ts'

/** What the app `mirror` was asked. */
interface Mirrored {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

const MiB = 1024 * 1024

/** Real apps, asked through the real edge from outside. */
export function edgeFeatures(platform: () => Platform): void {
  const apps = new Map<string, App>()
  let visitor: Visitor

  before(async () => {
    visitor = await Visitor.of(platform())
    for (const name of ['mirror', 'websocket', 'sse', 'grpc', 'upload', 'slow']) {
      const app = await platform().create(name, `apps/${name}`)
      apps.set(name, app)
      if (name === 'slow') {
        await app.write('lading.yaml', 'timeouts:\n  firstByte: 2s\n')
        await app.commit('Wait no longer than two seconds')
      }
      const push = await app.push()
      assert.equal(push.code, 0, push.stderr)
    }
  })

  const host = (name: string): string => apps.get(name)!.hostName
  const mirrored = async (ask: Ask = {}): Promise<Mirrored> =>
    JSON.parse(String((await visitor.ask(host('mirror'), ask)).body)) as Mirrored
  const routerLines = async (name: string): Promise<string[]> => {
    const lines = (await apps.get(name)!.lading(['logs', '--lines', '200'])).split('\n')
    return lines.filter(line => line.includes(' router: '))
  }

  test('HTTP/1.1 in the clear and over TLS with the CA of the platform', async () => {
    for (const plain of [true, false]) {
      const answer = await visitor.ask(host('mirror'), { plain, path: '/a/b?c=d' })
      assert.equal(answer.status, 200)
      assert.equal((JSON.parse(String(answer.body)) as Mirrored).url, '/a/b?c=d')
    }
  })

  test('HTTP/2 over TLS: many requests at once on one connection', async () => {
    const session = await visitor.http2(host('mirror'))
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => askHttp2(session, { ':path': `/many/${at}` })),
    )
    session.close()
    assert.deepEqual(
      answers.map(({ status, body }) => `${status} ${(JSON.parse(String(body)) as Mirrored).url}`),
      answers.map((_, at) => `200 /many/${at}`),
    )
  })

  test('a client that trusts other authorities only is not fooled into trusting the edge', async () => {
    const socket = connectTls({ host: platform().host.address, port: 443, servername: host('mirror') })
    await assert.rejects(once(socket, 'secureConnect'), /certificate|issuer/i)
  })

  test('X-Forwarded-* and X-Real-Ip say what the edge saw, whatever the client claims', async () => {
    const lies = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'ftp',
      'x-forwarded-port': '1',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-anything': 'evil',
      forwarded: 'for=203.0.113.9',
      'x-real-ip': '203.0.113.9',
      // To CGI, WSGI and Rack these are the same variables.
      x_forwarded_for: '203.0.113.9',
      'x-forwarded_host': 'evil.example',
      'x.real.ip': '203.0.113.9',
      client_ip: '203.0.113.9',
      'true-client-ip': '203.0.113.9',
      'x-original-url': '/evil',
      x_request_id: 'evil-and-long-enough-to-be-taken',
    }
    for (const plain of [true, false]) {
      const { headers } = await mirrored({ plain, headers: lies })
      const seen = Object.entries(headers).filter(([name]) => /forwarded|real-ip/.test(name))
      const address = headers['x-forwarded-for'] ?? ''
      assert.match(address, /^10\.77\.\d+\.1$/)
      assert.deepEqual(Object.fromEntries(seen), {
        'x-forwarded-for': address,
        'x-forwarded-proto': plain ? 'http' : 'https',
        'x-forwarded-port': plain ? '80' : '443',
        'x-forwarded-host': host('mirror'),
      })
      assert.doesNotMatch(JSON.stringify(headers), /203\.0\.113|evil/)
      const listed = { connection: 'close, X-Forwarded-For, X-Real-IP, X-Request-Id' }
      const received = (await mirrored({ plain, headers: listed })).headers
      assert.doesNotMatch(received['connection'] ?? '', /x-/i)
      assert.equal(received['x-forwarded-for'], address)
    }
  })

  test('X-Request-Id is made for each request, and kept when a client brings a proper one', async () => {
    const [one, two] = [await mirrored(), await mirrored()]
    assert.match(one.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/)
    assert.notEqual(one.headers['x-request-id'], two.headers['x-request-id'])
    const own = 'a-trace-id-of-26-letters-xy'
    assert.equal((await mirrored({ headers: { 'x-request-id': own } })).headers['x-request-id'], own)
    assert.notEqual((await mirrored({ headers: { 'x-request-id': 'x' } })).headers['x-request-id'], 'x')
  })

  test('each request is a line of the router in "lading logs", with the path alone over HTTP/1.1 and HTTP/2', async () => {
    const session = await visitor.http2(host('mirror'))
    const ids = { h1: 'the-one-over-http-1-1-----', h2: 'the-one-over-http-2-------' }
    await visitor.ask(host('mirror'), { headers: { 'x-request-id': ids.h1 } })
    await askHttp2(session, { 'x-request-id': ids.h2, ':path': '/sub/path?with=query' })
    session.close()
    await eventually('both are in the log', async () => {
      const lines = await routerLines('mirror')
      return Object.values(ids).every(id => lines.some(line => line.includes(id)))
    })
    const lines = await routerLines('mirror')
    const line = (id: string) => lines.find(each => each.includes(id)) ?? ''
    const rest = (id: string) => `host=${host('mirror')} request_id=${id} fwd="10.77.`
    assert.ok(line(ids.h1).includes(`router: at=info method=GET path="/" ${rest(ids.h1)}`), line(ids.h1))
    assert.ok(
      line(ids.h2).includes(`router: at=info method=GET path="/sub/path?with=query" ${rest(ids.h2)}`),
      line(ids.h2),
    )
    assert.match(line(ids.h1), /dyno=web\.1 connect=\d+ms service=\d+ms status=200 bytes=\d+ protocol=https$/)
  })

  test('a WebSocket is opened and gives every word back', async () => {
    const socket = await visitor.dial(host('websocket'), ['http/1.1'])
    const key = randomBytes(16).toString('base64')
    const head = ['GET / HTTP/1.1', `host: ${host('websocket')}`, 'upgrade: websocket', 'connection: upgrade']
    socket.write([...head, `sec-websocket-key: ${key}`, 'sec-websocket-version: 13', '', ''].join('\r\n'))
    const word = Buffer.from('does it come back?')
    let said = false
    let seen = ''
    for await (const chunk of socket) {
      seen += String(chunk)
      // A text frame from a client is masked, here with zeros.
      if (!said && seen.includes('hello from v1'))
        socket.write(Buffer.concat([Buffer.from([129, 128 | word.length, 0, 0, 0, 0]), word]))
      said ||= seen.includes('hello from v1')
      if (seen.includes(String(word))) break
    }
    assert.match(seen, /^HTTP\/1\.1 101 /)
    assert.ok(seen.includes(String(word)), seen)
  })

  test('server-sent events come one by one, not when the answer ends', async () => {
    const answer = await visitor.open(host('sse'), { path: '/events' })
    assert.equal(answer.headers['content-type'], 'text/event-stream')
    let seen = ''
    for await (const chunk of answer) {
      seen += String(chunk)
      if (seen.includes('data: v1 2\n')) break
    }
    assert.match(seen, /^id: 1\ndata: v1 1\n\nid: 2\n/)
  })

  test('gRPC reaches an app that speaks HTTP/2 in the clear, trailers included', async () => {
    const session = await visitor.http2(host('grpc'))
    const message = Buffer.from([0, 0, 0, 0, 5, ...Buffer.from('hello')])
    const call = { ':method': 'POST', ':path': '/chat.Chat/Echo', 'content-type': 'application/grpc', te: 'trailers' }
    const answer = await askHttp2(session, call, message)
    session.close()
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.body, message)
    assert.equal(answer.trailers['grpc-status'], '0')
    assert.equal(answer.trailers['grpc-message'], 'v1')
  })

  test('an upload of 64 MiB of unknown length streams through: the app sees its beginning before the end is sent', async () => {
    const block = randomBytes(MiB)
    const hash = createHash('sha256')
    const soFar = async () => Number((await visitor.ask(host('upload'), { path: '/so-far' })).body)
    async function* body() {
      for (let at = 0; at < 64; at++) {
        hash.update(block)
        yield block
        // Nothing more is sent until the app says that it has some of this.
        if (at === 0) await eventually('the app has seen the first bytes', async () => (await soFar()) > 0)
      }
    }
    const answer = await visitor.ask(host('upload'), { method: 'POST', body: body() })
    assert.equal(String(answer.body), `v1 ${64 * MiB} ${hash.digest('hex')}`)
  })

  test('an app that sends no first byte in time is answered for, named, and logged as H12', async () => {
    assert.equal((await visitor.ask(host('slow'), { path: '/?ms=100' })).status, 200)
    const answer = await visitor.ask(host('slow'), { path: '/?ms=20000' })
    assert.equal(answer.status, 503)
    assert.match(String(answer.body), /^slow\/production took the request but sent no answer in time \(H12\)/)
    const lines = await eventually('the line is in the log', async () => {
      const found = (await routerLines('slow')).filter(line => line.includes('path="/?ms=20000"'))
      return found.length > 0 && found
    })
    assert.match(lines[0]!, /at=error code=H12 desc="Request timeout" .* status=503 /)
  })

  test('the time to the first byte does not limit an answer that has begun', async () => {
    const answer = await visitor.ask(host('slow'), { path: '/?ms=4000&split' })
    assert.deepEqual([answer.status, String(answer.body)], [200, 'v1'])
  })

  test('an unknown host is 404 and names no app; so is an app without a release', async () => {
    await platform().create('unborn', 'apps/hello')
    for (const name of ['nobody', 'unborn']) {
      const answer = await visitor.ask(`${name}.${platform().domain}`, { plain: true })
      assert.equal(answer.status, 404)
      assert.match(String(answer.body), /^No app answers at this host name/)
    }
  })

  test('a request without a sensible host does not reach an app', async () => {
    const socket = connect({ host: platform().host.address, port: 80 })
    socket.end('GET / HTTP/1.0\r\n\r\n')
    let seen = ''
    for await (const chunk of socket) seen += String(chunk)
    assert.match(seen, /^HTTP\/1\.\d 404 /)
  })

  test('an app whose only process is gone is answered for with its name and the cause, and comes back', async () => {
    const { host: server } = platform()
    const container = await server.run(['docker', 'ps', '-q', '--filter', 'label=lading.app=mirror'])
    await server.run(['docker', 'kill', container])
    const gone = await eventually('it is missed', async () => {
      const answer = await visitor.ask(host('mirror'))
      return answer.status === 503 && answer
    })
    assert.match(String(gone.body), /^No process of mirror\/production answers: .*it has crashed.* \(H10\)/)
    assert.match(String(gone.body), /\nrequest id: [0-9a-f-]{36}\n/)
    await eventually('Swarm started it again', async () => (await visitor.ask(host('mirror'))).status === 200)
  })

  test('an app scaled to zero is answered for too, and comes back', async () => {
    await apps.get('mirror')!.lading(['scale', 'web=0'])
    const gone = await visitor.ask(host('mirror'))
    assert.equal(gone.status, 503)
    assert.match(String(gone.body), /^No process of mirror\/production answers: .*scaled to zero \(H10\)/)
    await apps.get('mirror')!.lading(['scale', 'web=1'])
    assert.equal((await visitor.ask(host('mirror'))).status, 200)
  })
}
