import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as http2Server } from 'node:http2'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { systemClock } from '../../core/system.ts'
import { eventually } from '../../../test/rig/eventually.ts'
import { VirtualClock } from '../../../test/simulation/virtual-clock.ts'
import { probe } from './probe.ts'

const addressOf = (server: Server) => `127.0.0.1:${(server.address() as AddressInfo).port}`

void suite('a probe of our own', () => {
  for (const [words, passes] of [
    ['204 No Content', true],
    ['302 Found', true],
    ['503 Service Unavailable', false],
    ['nonsense', false],
  ] as const) {
    test(`an answer ${words} ${passes ? 'passes' : 'fails'}`, async () => {
      const server = createServer(socket => socket.on('error', () => undefined).write(`HTTP/1.1 ${words}\r\n\r\n`))
      await once(server.listen(0, '127.0.0.1'), 'listening')
      assert.equal(await probe({ protocol: 'h1', address: addressOf(server), path: '/up' }, systemClock), passes)
      server.close()
    })
  }

  test('HTTP/2 without TLS is spoken too', async () => {
    const server = http2Server((request, response) => response.writeHead(request.url === '/up' ? 200 : 500).end())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    assert.equal(await probe({ protocol: 'h2c', address: addressOf(server), path: '/up' }, systemClock), true)
    assert.equal(await probe({ protocol: 'h2c', address: addressOf(server), path: '/' }, systemClock), false)
    server.close()
  })

  for (const protocol of ['h1', 'h2c'] as const) {
    test(`an app that answers byte by byte for ever fails: ${protocol}`, async () => {
      const clock = new VirtualClock()
      const sockets: Socket[] = []
      const server = createServer(socket => {
        sockets.push(socket.on('error', () => undefined))
        socket.write('H')
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const passed = probe({ protocol, address: addressOf(server), path: '/' }, clock)
      await eventually('it is asked', () => sockets.length > 0, { everyMs: 5 })
      await clock.pass(3000)
      assert.equal(await passed, false)
      await eventually('its connection is closed', () => sockets[0]?.resume().closed, { everyMs: 5 })
      server.close()
    })
  }
})
