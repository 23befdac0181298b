import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { sendChunks, uncancelled } from './chunks.ts'

/** 64 KiB again and again; tells whether it was cancelled. */
function endless() {
  const source = { isCancelled: false }
  const chunks: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: Buffer.alloc(64 * 1024) }),
      return: async () => ((source.isCancelled = true), { done: true, value: undefined }),
    }),
  }
  return { source, chunks }
}

test('all chunks come to a reader that is slower, and then the end', async () => {
  const out = new PassThrough({ highWaterMark: 4 })
  async function* chunks() {
    yield await Promise.resolve(Buffer.from('first, '))
    yield Buffer.from('last')
  }
  const [read] = await Promise.all([buffer(out), sendChunks(chunks(), out)])
  assert.equal(read.toString(), 'first, last')
})

test('a reader that is gone ends the source; one that may not be cancelled is left as it is', async () => {
  for (const mayBeCancelled of [true, false]) {
    const out = new Writable({ highWaterMark: 4, write: (_chunk, _encoding, done) => done(new Error('EPIPE')) })
    const { source, chunks } = endless()
    await sendChunks(mayBeCancelled ? chunks : uncancelled(chunks), out)
    assert.equal(source.isCancelled, mayBeCancelled)
  }
})

test('what the source fails with is told, and the reader gets no end', async () => {
  const out = new PassThrough()
  async function* chunks() {
    yield await Promise.resolve(Buffer.from('half'))
    throw new Error('cut')
  }
  await assert.rejects(sendChunks(chunks(), out), /cut/)
  assert.equal(out.writableEnded, false)
})
