import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as httpRequest, IncomingMessage, type Server } from 'node:http'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { after, before, suite, test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { sendProblem } from './api.ts'
import { engineUpgrades, proxyToEngine } from './engine-proxy.ts'

void suite('the way to the engine', () => {
  let folder: string
  let engine: Server
  let keeper: Server
  const admitted = () => Promise.resolve()
  let admit = admitted
  const [engineSocket, keeperSocket] = [() => join(folder, 'engine.sock'), () => join(folder, 'keeper.sock')]

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-proxy-'))
    engine = createServer((request, response) => {
      response.setHeader(
        'seen',
        `${request.method} ${request.url} ${String(request.headers['lading-term'] ?? 'no term')}`,
      )
      if (request.url === '/events') return response.flushHeaders()
      request.pipe(response)
    })
    engine.on('upgrade', (request: IncomingMessage, socket) => {
      socket.write(`HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nseen: ${request.url}\r\n\r\n`)
      let heard = ''
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString()))
      // Like `cat` at the end of its input: only then it answers, over the half that is still open.
      socket.on('end', () => socket.end(`heard ${heard}`))
    })
    keeper = createServer((request, response) => {
      proxyToEngine(engineSocket(), request, response).catch((error: unknown) => sendProblem(response, error))
    })
    keeper.on('upgrade', (request, socket, head) => engineUpgrades(engineSocket(), admit)(request, socket, head))
    await Promise.all([
      new Promise<void>(resolve => engine.listen(engineSocket(), resolve)),
      new Promise<void>(resolve => keeper.listen(keeperSocket(), resolve)),
    ])
  })
  after(async () => {
    keeper.closeAllConnections()
    engine.closeAllConnections()
    keeper.close()
    engine.close()
    await rm(folder, { recursive: true })
  })

  const call = (method: string, path: string, headers: Record<string, string> = {}) =>
    httpRequest({ socketPath: keeperSocket(), method, path, headers: { 'lading-term': '7', ...headers }, agent: false })
  const answer = (request: ReturnType<typeof call>) =>
    new Promise<IncomingMessage>((resolve, reject) => request.once('response', resolve).once('error', reject))

  test('bodies stream both ways, before the request has ended', async () => {
    const request = call('POST', '/engine/images/load?quiet=1')
    request.write('first')
    const response = await answer(request)
    assert.equal(response.headers['seen'], 'POST /images/load?quiet=1 no term')
    const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]()
    assert.equal((await chunks.next()).value, 'first')
    request.end('second')
    assert.equal((await chunks.next()).value, 'second')
    assert.equal((await chunks.next()).done, true)
  })

  test('an answer that says nothing yet has begun all the same', async () => {
    const request = call('GET', '/engine/events')
    request.end()
    assert.equal((await answer(request)).statusCode, 200)
    request.destroy()
  })

  test('an attached stream ends on one side and is answered on the other', async () => {
    const request = call('POST', '/engine/exec/x/start', { connection: 'Upgrade', upgrade: 'tcp' })
    request.end()
    const heard = await new Promise<string>((resolve, reject) => {
      request.once('error', reject)
      request.once('upgrade', (response, socket, head) => {
        assert.equal(response.headers['seen'], '/exec/x/start')
        let text = head.toString()
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
        socket.on('end', () => resolve(text))
        socket.end('echo x')
      })
    })
    assert.equal(heard, 'heard echo x')
  })

  test('an upgrade that is refused is told why', async () => {
    admit = () => Promise.reject(new AppError('lease-lost', 'term 7 is over'))
    const request = call('POST', '/engine/exec/x/start', { connection: 'Upgrade', upgrade: 'tcp' })
    request.end()
    const response = await answer(request)
    admit = admitted
    assert.equal(response.statusCode, 409)
    const body = (await response.setEncoding('utf8').toArray()).join('')
    assert.equal((JSON.parse(body) as { detail: string }).detail, 'term 7 is over')
  })

  for (const [outcome, decide] of Object.entries({
    refused: () => Promise.reject(new AppError('not-found', 'no upgrade here')),
    admitted,
  })) {
    test(`a client that has gone by the time its upgrade is ${outcome} ends nothing but itself`, async () => {
      const epipe = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
      const client = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done(epipe) })
      const closed = new Promise<void>(resolve => client.once('close', resolve))
      const upgrade = engineUpgrades(engineSocket(), async () => {
        if (outcome === 'admitted') client.destroy(epipe)
        await decide()
      })
      upgrade(new IncomingMessage(new Socket()), client, Buffer.alloc(0))
      await closed
    })
  }

  test('an engine that is away is unavailable, which may be tried again', async () => {
    engine.closeAllConnections()
    await new Promise(resolve => engine.close(resolve))
    const request = call('GET', '/engine/version')
    request.end()
    const response = await answer(request)
    assert.equal(response.statusCode, 503)
    const body = (await response.setEncoding('utf8').toArray()).join('')
    assert.equal((JSON.parse(body) as { code: string }).code, 'unavailable')
  })
})
