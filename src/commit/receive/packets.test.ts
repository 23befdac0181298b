import assert from 'node:assert/strict'
import { test } from 'node:test'
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
