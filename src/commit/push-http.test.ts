import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type IncomingMessage, type RequestOptions } from 'node:http'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { flush, packet } from './receive/packets.ts'
import { PushRig } from '../../test/doubles/push-rig.ts'

const authorization = `Basic ${Buffer.from('x:good-token').toString('base64')}`
const listRefs = Buffer.concat([packet('command=ls-refs\n'), flush])
const fetchHeaders = {
  authorization,
  'content-type': 'application/x-git-upload-pack-request',
  'git-protocol': 'version=2',
}

test('a compressed request in chunks is understood', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  await rig.push('main:topic').end
  const headers = { ...fetchHeaders, 'content-encoding': 'gzip' }
  const asking = ask(rig, { method: 'POST', path: '/shop.git/git-upload-pack', headers })
  const body = gzipSync(listRefs)
  asking.call.write(body.subarray(0, 5))
  asking.call.end(body.subarray(5))
  const { status, text, answer } = await asking.end
  assert.equal(status, 200)
  assert.equal(answer.headers['content-type'], 'application/x-git-upload-pack-result')
  assert.ok(text.includes(`${commit} refs/heads/topic`), text)
})

test('a client that waits for "100 continue" is told to go on', async () => {
  await using rig = await PushRig.make()
  const headers = { ...fetchHeaders, expect: '100-continue', 'content-length': listRefs.length }
  const asking = ask(rig, { method: 'POST', path: '/shop.git/git-upload-pack', headers })
  asking.call.flushHeaders()
  await once(asking.call, 'continue')
  asking.call.end(listRefs)
  assert.equal((await asking.end).status, 200)
})

test('nothing but smart HTTP is served', async () => {
  await using rig = await PushRig.make()
  for (const [method, path] of [
    ['GET', '/shop.git/HEAD'],
    ['GET', '/shop.git/config'],
    ['GET', '/shop.git/info/refs'],
    ['GET', '/shop.git/info/refs?service=git-upload-archive'],
    ['GET', '/shop.git/git-receive-pack'],
    ['POST', '/shop.git/info/refs?service=git-upload-pack'],
    ['GET', '/shop.git/../shop.git/info/refs?service=git-upload-pack'],
    ['GET', '/%2e%2e.git/info/refs?service=git-upload-pack'],
  ] as const) {
    const asking = ask(rig, { method, path, headers: { authorization } })
    asking.call.end()
    assert.equal((await asking.end).status, 404, `${method} ${path}`)
  }
})

test('without a token nothing is said about apps', async () => {
  await using rig = await PushRig.make()
  for (const app of ['shop', 'nope']) {
    const asking = ask(rig, { path: `/${app}.git/info/refs?service=git-receive-pack` })
    asking.call.end()
    const { status, answer } = await asking.end
    assert.equal(status, 401)
    assert.match(answer.headers['www-authenticate'] ?? '', /^Basic realm="Lading"/)
  }
})

function ask(rig: PushRig, options: RequestOptions) {
  const call = request({ host: '127.0.0.1', port: rig.port, agent: false, ...options })
  const end = (async () => {
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of answer) text += (chunk as Buffer).toString()
    return { status: answer.statusCode, text, answer }
  })()
  return { call, end }
}
