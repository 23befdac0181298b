import assert from 'node:assert/strict'
import { test } from 'node:test'
import { puzzles } from '../../../test/simulation/puzzles.ts'
import { AppError } from '../../core/errors.ts'
import { flush, packet, PacketReader } from './packets.ts'

test('packets come out as they went in, however the stream is cut', async () => {
  const stream = Buffer.concat([packet('version=1\0atomic'), flush, packet('grüße\n'), packet(''), flush])
  for (let size = 1; size <= stream.length; size++) {
    const reader = new PacketReader()
    const reading = twoSections(reader)
    for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size))
    reader.end()
    assert.deepEqual(await reading, [['version=1\0atomic'], ['grüße', '']])
  }
})

test('a stream that ends inside a packet is an error', async () => {
  const reader = new PacketReader()
  reader.push(packet('hello').subarray(0, 6))
  reader.end()
  await assert.rejects(reader.next(), { code: 'unavailable' })
})

test('what is no packet is an error', async () => {
  for (const text of ['GET ', '0003', 'fff1']) {
    const reader = new PacketReader()
    reader.push(Buffer.from(text))
    await assert.rejects(reader.next(), { code: 'internal' })
  }
})

test('a packet too long for git is not made', () => {
  assert.throws(() => packet(Buffer.alloc(65_517)), { code: 'internal' })
})

async function twoSections(reader: PacketReader): Promise<string[][]> {
  return [await reader.section(), await reader.section()]
}

test('no stream of packets does anything but end: 10,000 of them, whole, cut and wrong', async () => {
  const pieces = [
    '0000',
    '0001',
    '0004',
    '0005x',
    '0006x\n',
    '000',
    'fff0',
    'ffff',
    'FFFF',
    '-001',
    '0x10',
    ' 4',
    'x',
    '\0',
    '\n',
    'ä',
    '000aadd\n',
  ]
  let [read, refused] = [0, 0]
  for (const text of puzzles(pieces, 8)) {
    const bytes = Buffer.from(text)
    const reader = new PacketReader()
    for (let at = 0; at < bytes.length; at += 97) reader.push(bytes.subarray(at, at + 97))
    reader.end()
    try {
      // Each packet takes four bytes at least of what came.
      for (let taken = 0; taken <= bytes.length; taken += 4) read += (await reader.section(100)).length + 1
      assert.fail('it has read more than there was')
    } catch (error) {
      assert.ok(error instanceof AppError && error.message.length < 100, `${String(error)} for ${text.slice(0, 100)}`)
      refused++
    }
  }
  assert.equal(refused, 10_000)
  assert.ok(read > 1000, `${read} lines and sections were read`)
})
