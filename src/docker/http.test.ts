import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { chooseVersion, DockerHttp } from './http.ts'

const never = new AbortController().signal
let folder: string
let socketPath: string
let server: Server
let answer: RequestListener = () => undefined
const asked: string[] = []

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lading-http-'))
  socketPath = join(folder, 'engine.sock')
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} term=${String(request.headers['lading-term'])}`)
    if (request.url?.endsWith('/version')) {
      response.end(JSON.stringify({ ApiVersion: '1.41', MinAPIVersion: '1.12' }))
    } else {
      answer(request, response)
    }
  })
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello ')
    // The last test's client goes away silently.
    socket.on('error', () => socket.destroy())
    // Answers only after the other side has ended: half-close.
    const heard: Buffer[] = []
    socket.on('data', (chunk: Buffer) => heard.push(chunk))
    socket.on('end', () => socket.end(`heard ${Buffer.concat(heard).toString()}`))
  })
  server.listen(socketPath)
  await once(server, 'listening')
})

after(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})

test('the version is negotiated once, and every call carries prefix and headers of its moment', async () => {
  let term = 1
  const http = new DockerHttp({ socketPath, prefix: '/engine', headers: () => ({ 'lading-term': String(term) }) })
  answer = (_request, response) => response.end('{"a":1}')
  assert.deepEqual(await http.json({ method: 'GET', path: '/info', query: { all: true, none: undefined } }, never), {
    a: 1,
  })
  term = 2
  await http.json({ method: 'POST', path: '/x', body: {} }, never)
  assert.deepEqual(asked.splice(0), [
    'GET /engine/version term=1',
    'GET /engine/v1.41/info?all=true term=1',
    'POST /engine/v1.41/x term=2',
  ])
})

test('an engine newer than we know is spoken to in the newest we know, or the oldest it speaks', () => {
  assert.equal(chooseVersion('1.41', '1.12'), '1.41')
  assert.equal(chooseVersion('1.60', '1.44'), '1.51')
  assert.equal(chooseVersion('1.70', '1.55'), '1.55')
})

const refusals = [
  [404, 'application/json', '{"message":"no such service"}', 'not-found'],
  [409, 'application/json', '{"message":"name taken"}', 'conflict'],
  [503, 'application/json', '{"message":"not a swarm manager"}', 'unavailable'],
  [500, 'application/json', '{"message":"rpc error: code = Unknown desc = update out of sequence"}', 'conflict'],
  [500, 'application/json', '{"message":"rpc error: code = DeadlineExceeded"}', 'unavailable'],
  [400, 'text/plain', 'bad parameter', 'invalid-input'],
  [500, 'text/plain', '', 'internal'],
  [409, 'application/problem+json', '{"code":"lease-lost","title":"Lease lost","detail":"term 3"}', 'lease-lost'],
] as const
for (const [status, type, body, code] of refusals) {
  test(`${status} ${body} is ${code}`, async () => {
    answer = (_request, response) => response.writeHead(status, { 'content-type': type }).end(body)
    const call = new DockerHttp({ socketPath }).json({ method: 'GET', path: '/x' }, never)
    await assert.rejects(call, (error: unknown) => error instanceof AppError && error.code === code)
  })
}

test('no engine at all is unavailable, and may be tried again', async () => {
  const call = new DockerHttp({ socketPath: join(folder, 'nobody.sock') }).json({ method: 'GET', path: '/x' }, never)
  await assert.rejects(
    call,
    (error: unknown) => error instanceof AppError && error.code === 'unavailable' && error.retryable,
  )
})

test('an abort ends a call that has no answer yet, and a stream in its middle, with the reason', async () => {
  const http = new DockerHttp({ socketPath })
  const reason = new AppError('lease-lost', 'over')
  const stop = new AbortController()
  answer = () => stop.abort(reason)
  await assert.rejects(http.json({ method: 'GET', path: '/x' }, stop.signal), error => error === reason)
  const later = new AbortController()
  answer = (_request, response) => {
    response.write('{"a":')
    later.abort(reason)
  }
  await assert.rejects(http.json({ method: 'GET', path: '/x' }, later.signal), error => error === reason)
})

test('an upgraded connection gives what came with the answer, and is read to its end after ours', async () => {
  const socket = await new DockerHttp({ socketPath }).upgrade(
    { method: 'POST', path: '/exec/1/start', body: {} },
    never,
  )
  socket.end('bytes')
  const text = Buffer.concat((await socket.toArray()) as Buffer[]).toString()
  assert.equal(text, 'hello heard bytes')
})

test('an upgrade that is refused rejects with the engine’s words', async () => {
  // A server with an upgrade listener upgrades everything: the refusal comes from one that has none.
  const plain = createServer((request, response) => {
    if (request.url === '/version') response.end('{"ApiVersion":"1.41"}')
    else response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"no such exec"}')
  })
  const path = join(folder, 'plain.sock')
  plain.listen(path)
  await once(plain, 'listening')
  const call = new DockerHttp({ socketPath: path }).upgrade({ method: 'POST', path: '/exec/1/start' }, never)
  await assert.rejects(call, (error: unknown) => error instanceof AppError && error.code === 'not-found')
  plain.close()
})

test('an abort closes an upgraded connection', async () => {
  const stop = new AbortController()
  const socket = await new DockerHttp({ socketPath }).upgrade({ method: 'POST', path: '/x' }, stop.signal)
  const closed = once(socket, 'close')
  stop.abort(new AppError('cancelled', 'enough'))
  await closed
})
