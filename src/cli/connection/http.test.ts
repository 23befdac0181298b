import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { send, type Place } from './http.ts'

const never = new AbortController().signal

async function placeOf(t: TestContext, server: Server): Promise<Place> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { kind: 'url', url: `http://127.0.0.1:${port}`, token: null, ca: null }
}

test('a control plane that takes the question and is silent is said to be so', async t => {
  const place = await placeOf(t, createServer())
  await assert.rejects(send(place, { method: 'GET', path: '/' }, never, 20), {
    code: 'unavailable',
    retryable: true,
    message: /takes the question and gives no answer within 0.02 s/,
  })
})

test('a stream may be silent as long as it likes once it has begun', async t => {
  let finish = (): void => undefined
  const place = await placeOf(
    t,
    createServer((_request, response) => {
      response.flushHeaders()
      finish = () => response.end('the end')
    }),
  )
  const answer = await send(place, { method: 'GET', path: '/' }, never, 1_000)
  assert.equal(answer.socket.timeout, 0)
  finish()
  assert.equal(await text(answer), 'the end')
})
