import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, suite, test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { parseAppName, parseNodeName, production } from '../core/names.ts'
import { eventually } from '../../test/rig/eventually.ts'
import { VirtualClock } from '../../test/simulation/virtual-clock.ts'
import { highestTerm, keeperEdges } from './client.ts'
import type { EnvironmentView } from './edges.ts'

const never = new AbortController().signal
const key = { app: parseAppName('shop'), environment: production }

void suite('a keeper that takes calls and does not answer', () => {
  let folder: string
  let keeper: Server
  let answer: Parameters<typeof createServer>[1]
  let clock: VirtualClock
  let asked: string[]
  const connections = new Set<Socket>()
  const sockets = () => [{ node: parseNodeName('one'), path: join(folder, 'keeper.sock') }]
  const edges = () => keeperEdges({ sockets: sockets(), term: () => 7, clock })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-client-'))
    keeper = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      answer?.(request, response)
    })
    keeper.on('connection', (socket: Socket) => {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
    })
    keeper.listen(join(folder, 'keeper.sock'))
    await once(keeper, 'listening')
  })
  beforeEach(() => {
    clock = new VirtualClock()
    asked = []
    answer = () => undefined
  })
  after(async () => {
    keeper.closeAllConnections()
    keeper.close()
    await rm(folder, { recursive: true })
  })

  const isAsked = () => eventually('the keeper is asked', () => asked.length > 0, { everyMs: 5 })
  const isClosed = () => eventually('the connection is closed', () => connections.size === 0, { everyMs: 5 })

  test('a change is given up with what happened and what to do, and its connection is closed', async () => {
    const change = edges().unroute(key, never)
    const rejected = assert.rejects(change, (error: unknown) => {
      assert.ok(error instanceof AppError)
      assert.deepEqual([error.code, error.retryable], ['unavailable', true])
      assert.match(error.message, /keeper took DELETE \/edge\/routes\/shop\/production and has not answered for 75 s/)
      assert.match(error.hint ?? '', /push again/i)
      return true
    })
    await isAsked()
    await clock.pass(74_000)
    assert.equal(connections.size, 1)
    await clock.pass(1000)
    await rejected
    await isClosed()
  })

  test('an answer that stops in the middle is given up too', async () => {
    answer = (_request, response) => void response.writeHead(200).write('{"lanes":')
    const rejected = assert.rejects(edges().state(never), { code: 'unavailable', retryable: true })
    await isAsked()
    await clock.pass(75_000)
    await rejected
    await isClosed()
  })

  test('a candidate for the lease is told, and can ask again', async () => {
    const rejected = assert.rejects(highestTerm(sockets(), never, clock), { code: 'unavailable', retryable: true })
    await isAsked()
    await clock.pass(75_000)
    await rejected
    answer = (_request, response) => void response.end('{"term":9}')
    assert.equal(await highestTerm(sockets(), never, clock), 9)
    await isClosed()
  })

  test('a call ends with its signal, long before', async () => {
    const own = new AbortController()
    const rejected = assert.rejects(edges().state(own.signal), /the lease is lost/)
    await isAsked()
    own.abort(new Error('the lease is lost'))
    await rejected
    await isClosed()
  })

  test('a watch that does not begin is opened again', async () => {
    const own = new AbortController()
    const views: EnvironmentView[] = []
    const reading = (async () => {
      for await (const view of edges().watch(key, own.signal)) views.push(view)
    })()
    await isAsked()
    answer = (_request, response) => void response.write('{"processes":[],"inFlight":{}}\n')
    await clock.pass(12_000)
    await clock.pass(100)
    await eventually('a view', () => views.length > 0, { everyMs: 5 })
    assert.equal(asked.length, 2)
    own.abort()
    await reading
    await isClosed()
  })

  test('a stream that has begun is not cut, however long it is silent', async () => {
    answer = (_request, response) => void response.write('{"text":"one"}\n')
    const lines = edges().routerLog(key, { tail: 10, follow: true }, never)[Symbol.asyncIterator]()
    await lines.next()
    const second = assert.rejects(lines.next(), /aborted/)
    await clock.pass(3_600_000)
    assert.deepEqual([connections.size, asked.length], [1, 1])
    keeper.closeAllConnections()
    await second
  })

  test('a reader of a log that leaves closes the stream', async () => {
    answer = (_request, response) => void response.write('{"text":"one"}\n')
    for await (const line of edges().routerLog(key, { tail: 10, follow: true }, never)) {
      assert.equal(line.text, 'one')
      break
    }
    await isClosed()
  })

  test('a log that no one begins to read is not asked for', async () => {
    edges().routerLog(key, { tail: 10, follow: false }, never)
    await clock.pass(20_000)
    assert.deepEqual(asked, [])
  })
})
