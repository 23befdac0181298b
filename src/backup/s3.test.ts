import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { parseS3, s3Storage } from './s3.ts'

const signal = new AbortController().signal

/**
 * A store made from the published API: objects, multipart uploads, lists by pages. It looks at no signature; that they are
 * right was seen on another implementation (docs/design/backup.md).
 */
async function store(t: TestContext) {
  const objects = new Map<string, Buffer>()
  const uploads = new Map<string, Map<number, Buffer>>()
  const seen: string[] = []
  let failAt: string | null = null

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://store')
    const [, bucket = '', ...rest] = decodeURIComponent(pathname).split('/')
    const key = rest.join('/')
    const body = await buffer(request)
    const what = `${request.method} ${[...query.keys()].join(' ')}`.trim()
    seen.push(what)
    const say = (status: number, text = '', headers = {}) => response.writeHead(status, headers).end(text)
    const fail = (status: number, code: string) =>
      say(status, `<Error><Code>${code}</Code><Message>it is ${code} &amp; no more</Message></Error>`)
    if (!/^AWS4-HMAC-SHA256 Credential=key\/\d{8}\/eu\/s3\/aws4_request/.test(request.headers.authorization ?? ''))
      return void fail(403, 'AccessDenied')
    if (bucket !== 'my-backups') return void fail(404, 'NoSuchBucket')
    if (what === failAt) return void fail(400, 'InvalidRequest')
    const uploadId = query.get('uploadId') ?? ''
    const parts = uploads.get(uploadId)
    switch (what) {
      case 'GET uploads prefix':
        return void say(
          200,
          [...uploads.keys()].map(id => `<Upload><Key>${id}</Key><UploadId>${id}</UploadId></Upload>`).join(''),
        )
      case 'POST uploads':
        uploads.set(key, new Map())
        return void say(
          200,
          `<InitiateMultipartUploadResult><UploadId>${key}</UploadId></InitiateMultipartUploadResult>`,
        )
      case 'PUT partNumber uploadId':
        parts?.set(Number(query.get('partNumber')), body)
        return void say(200, '', { etag: `"${query.get('partNumber')}"` })
      case 'POST uploadId': {
        const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>"\1"<\/ETag>/g)]
        objects.set(key, Buffer.concat(named.map(([, number]) => parts!.get(Number(number))!)))
        uploads.delete(uploadId)
        return void say(200, '<CompleteMultipartUploadResult/>')
      }
      case 'DELETE uploadId':
        uploads.delete(uploadId)
        return void say(204)
      case 'DELETE':
        objects.delete(key)
        return void say(204)
      case 'GET':
        return void (objects.has(key) ? response.end(objects.get(key)) : fail(404, 'NoSuchKey'))
      default: {
        const keys = [...objects.keys()].filter(one => one.startsWith(query.get('prefix') ?? '')).sort()
        const from = Number(query.get('continuation-token') ?? 0)
        const entries = keys
          .slice(from, from + 2)
          .map(one => `<Contents><Key>${one}</Key><Size>${objects.get(one)!.length}</Size></Contents>`)
        const next = from + 2 < keys.length ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : ''
        return void say(200, `<ListBucketResult>${entries.join('')}${next}</ListBucketResult>`)
      }
    }
  }

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const access = { endpoint, region: 'eu', accessKeyId: 'key', secretAccessKey: 'hush' }
  const storage = s3Storage(parseS3('s3://my-backups/lading')!, access)
  return { objects, uploads, seen, access, storage, failAt: (what: string) => (failAt = what) }
}

async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield Buffer.alloc(1_000_000, at + 1)
}

test('a backup is there when all of its parts are, and is what was put', async t => {
  const { objects, uploads, storage, seen } = await store(t)
  assert.equal(await storage.put('b.age', megabytes(40), signal), 40_000_000)
  assert.equal(seen.filter(what => what.startsWith('PUT')).length, 3)
  assert.equal(uploads.size, 0)
  const read: Uint8Array[] = []
  for await (const chunk of storage.read('b.age', signal)) read.push(chunk)
  const expected: Uint8Array[] = []
  for await (const chunk of megabytes(40)) expected.push(chunk)
  assert.ok(Buffer.concat(read).equals(Buffer.concat(expected)))
  assert.deepEqual([...objects.keys()], ['lading/b.age'])
  assert.equal(await storage.put('empty.age', megabytes(0), signal), 0)
})

test('what fails on its way is not there, and leaves no open upload', async t => {
  const { objects, uploads, storage, failAt } = await store(t)
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield* megabytes(20)
    throw new Error('cut')
  }
  await assert.rejects(storage.put('a.age', cut(), signal), /cut/)
  failAt('POST uploadId')
  await assert.rejects(storage.put('a.age', megabytes(1), signal), {
    code: 'unavailable',
    message: /refuses my-backups: it is InvalidRequest & no more \(400, InvalidRequest\)/,
  })
  assert.equal(objects.size + uploads.size, 0)
})

test('an upload that a kill left open is aborted by the next, and no one else’s', async t => {
  const { uploads, storage } = await store(t)
  uploads.set('lading/killed.age', new Map()).set('lading/someone.zip', new Map())
  await storage.put('a.age', megabytes(1), signal)
  assert.deepEqual([...uploads.keys()], ['lading/someone.zip'])
})

test('a list is all pages of this folder, oldest first, and backups only', async t => {
  const { objects, storage } = await store(t)
  for (const key of ['lading/2.age', 'lading/1.age', 'lading/3.age', 'lading/notes', 'lading/old/0.age', 'other/9.age'])
    objects.set(key, Buffer.from('x'))
  assert.deepEqual(
    (await storage.list(signal)).map(({ name }) => name),
    ['1.age', '2.age', '3.age'],
  )
  await storage.remove('2.age', signal)
  assert.deepEqual(
    (await storage.list(signal)).map(({ name }) => name),
    ['1.age', '3.age'],
  )
})

test('a store that refuses, or is away, is told with what to do', async t => {
  const { access } = await store(t)
  const wrongBucket = s3Storage(parseS3('s3://other-bucket')!, access)
  await assert.rejects(wrongBucket.list(signal), { code: 'not-found', message: /NoSuchBucket/, hint: /credentials/ })
  const wrongKey = s3Storage(parseS3('s3://my-backups')!, { ...access, accessKeyId: 'other' })
  await assert.rejects(wrongKey.list(signal), { code: 'unavailable', message: /AccessDenied/, hint: /credentials/ })
  const nowhere = s3Storage(parseS3('s3://my-backups')!, { ...access, endpoint: 'http://127.0.0.1:9' })
  await assert.rejects(nowhere.list(signal), { code: 'unavailable', message: /cannot be reached/ })
})

test('addresses are read, and wrong ones refused', () => {
  assert.deepEqual(parseS3('s3://my-backups/a/b/'), { bucket: 'my-backups', prefix: 'a/b/' })
  assert.deepEqual(parseS3('s3://my-backups'), { bucket: 'my-backups', prefix: '' })
  assert.equal(parseS3('/var/backups/x'), null)
  for (const wrong of ['s3://', 's3://B', 's3://my-backups/a b', 's3://x'])
    assert.throws(() => parseS3(wrong), { code: 'invalid-input' }, wrong)
})
