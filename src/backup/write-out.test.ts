import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { writeOut } from './write-out.ts'

test('what a slow reader has not taken yet is waited for, the last chunk too, however small', async () => {
  const taken: string[] = []
  const slow = new Writable({
    highWaterMark: 16,
    write: (chunk: Buffer, _encoding, done) =>
      void setImmediate(() => {
        if (chunk.length > 0) taken.push(chunk.toString())
        done()
      }),
  })
  async function* chunks() {
    yield await Promise.resolve(Buffer.from('a long chunk that fills the stream'))
    yield Buffer.from('the end')
  }
  await writeOut(chunks(), slow)
  assert.deepEqual(taken, ['a long chunk that fills the stream', 'the end'])
})
