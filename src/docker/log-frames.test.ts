import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logLines } from './log-frames.ts'

const time = '2026-01-01T00:00:00.123456789Z'

test('lines of both streams come out with time and stream, however the bytes are cut', async () => {
  const bytes = Buffer.concat([frame(1, `${time} one\n`), frame(2, `${time} zwei äöü\r\n`), frame(1, `${time} \n`)])
  for (const size of [1, 3, 8, 1000]) {
    assert.deepEqual(await linesOf(cut(bytes, size)), [
      { time, stream: 'stdout', text: 'one' },
      { time, stream: 'stderr', text: 'zwei äöü' },
      { time, stream: 'stdout', text: '' },
    ])
  }
})

test('a line over several frames is one line, also with the other stream in between, and a last one needs no end', async () => {
  const bytes = Buffer.concat([
    frame(1, `${time} long `),
    frame(2, `${time} other\n`),
    frame(1, `2027-01-01T00:00:00Z line\n`),
    frame(1, `${time} open end`),
  ])
  assert.deepEqual(await linesOf(cut(bytes, 5)), [
    { time, stream: 'stderr', text: 'other' },
    { time, stream: 'stdout', text: 'long line' },
    { time, stream: 'stdout', text: 'open end' },
  ])
})

function frame(stream: number, text: string): Buffer {
  const payload = Buffer.from(text)
  const head = Buffer.alloc(8)
  head[0] = stream
  head.writeUInt32BE(payload.length, 4)
  return Buffer.concat([head, payload])
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function linesOf(chunks: AsyncIterable<Uint8Array>) {
  return Array.fromAsync(logLines(chunks))
}
