import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { systemClock } from '../../core/system.ts'
import { DrainSocket, EarlierDrains, sumOf } from './drains.ts'
import { KeptRuntime } from './runtime.ts'

void suite('what older HAProxies still have in flight', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lading-drains-'))))
  after(() => rm(folder, { recursive: true }))

  test('a keeper tells the ones after it, as it is when they ask', async () => {
    const path = join(folder, 'one.sock')
    let open = 2
    const socket = await DrainSocket.open(path, () => Promise.resolve(new Map([['a', open]])))
    const earlier = new EarlierDrains([path])
    assert.equal(sumOf(await earlier.counts()).get('a'), 2)
    open = 1
    assert.equal(sumOf(await earlier.counts()).get('a'), 1)
    await socket.close()
  })

  test('counts of several keepers add up', () => {
    const sum = sumOf([new Map([['a', 1]]), new Map([['b', 2]]), new Map([['a', 3]])])
    assert.deepEqual(
      [...sum],
      [
        ['a', 4],
        ['b', 2],
      ],
    )
  })

  test('a keeper that has ended drains nothing, and is not asked again by the next', async () => {
    const path = join(folder, 'ended.sock')
    const socket = await DrainSocket.open(path, () => Promise.resolve(new Map([['a', 1]])))
    const earlier = new EarlierDrains([path])
    await earlier.counts()
    await socket.close()
    assert.deepEqual(await earlier.counts(), [])
    assert.deepEqual(earlier.sockets, [])
  })

  test('what a keeper said last holds while it does not answer', async () => {
    const path = join(folder, 'silent.sock')
    let answers = true
    const sockets: Socket[] = []
    const server = createServer(socket => {
      sockets.push(socket)
      if (answers) socket.end('{"a":5}')
    })
    server.listen(path)
    await once(server, 'listening')
    const earlier = new EarlierDrains([path])
    await earlier.counts()
    answers = false
    assert.equal(sumOf(await earlier.counts()).get('a'), 5)
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  test('two questions at once on one kept connection get each its own answer', async () => {
    const path = join(folder, 'runtime.sock')
    const server: Server = createServer(socket => {
      let asked = ''
      socket.on('data', (chunk: Buffer) => {
        asked += chunk.toString()
        const lines = asked.split('\n')
        asked = lines.pop() ?? ''
        for (const line of lines) socket.write(`answer to ${line}\n> `)
      })
    })
    server.listen(path)
    await once(server, 'listening')
    const kept = await KeptRuntime.open(path, systemClock)
    assert.deepEqual(await Promise.all([kept.ask('one'), kept.ask('two')]), ['answer to one\n', 'answer to two\n'])
    kept.close()
    server.close()
  })
})
