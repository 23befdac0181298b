import { once } from 'node:events'
import type { Writable } from 'node:stream'

/**
 * Writes all chunks, at the reader's pace, and resolves when the last one is with the system: a process that exits before
 * loses what its stream still holds.
 */
export async function writeOut(chunks: AsyncIterable<Uint8Array>, out: Writable): Promise<void> {
  for await (const chunk of chunks) if (!out.write(chunk)) await once(out, 'drain')
  await new Promise<void>((resolve, reject) => out.write('', error => (error ? reject(error) : resolve())))
}
