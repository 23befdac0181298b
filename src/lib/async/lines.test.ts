import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesOf, wholeLines } from './lines.ts'

async function* pieces<T>(...all: readonly T[]) {
  yield* all
}

test('lines are whole wherever the pieces were cut, and an empty one is a line', async () => {
  assert.deepEqual(await Array.fromAsync(wholeLines(pieces('a', 'b\n\nc', 'd\n'))), ['ab', '', 'cd'])
})

test('of text a last line without its end is dropped, of a byte stream it comes', async () => {
  assert.deepEqual(await Array.fromAsync(wholeLines(pieces('a\nhalf'))), ['a'])
  assert.deepEqual(await Array.fromAsync(linesOf(pieces(Buffer.from('a\nhalf')))), ['a', 'half'])
})

test('a character may be cut between two chunks', async () => {
  const bytes = Buffer.from('é\n')
  assert.deepEqual(await Array.fromAsync(linesOf(pieces(bytes.subarray(0, 1), bytes.subarray(1)))), ['é'])
})
