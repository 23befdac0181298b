import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Channel } from './channel.ts'

/** Writes as fast as it is let; tells how far it came. */
function writer(channel: Channel<number>, count: number) {
  const progress = { written: 0 }
  const done = (async () => {
    for (let n = 0; n < count; n++) {
      progress.written = n + 1
      await channel.write(n)
    }
  })()
  return { progress, done }
}

test('a reader who pauses holds the writers up, and gets every item afterwards', async () => {
  const channel = new Channel<number>()
  const { progress, done } = writer(channel, 50_000)
  const read: number[] = []
  for await (const item of channel) {
    read.push(item)
    // Never more than it holds ahead of the reader.
    assert.ok(progress.written - read.length <= 1_000, `${progress.written} written, ${read.length} read`)
    if (read.length === 50_000) break
  }
  await done
  assert.deepEqual(read, [...read.keys()])
})

test('writers are let go when the reader leaves, and when the end is told', async () => {
  const left = new Channel<number>()
  const first = writer(left, 2_000)
  for await (const item of left) if (item === 0) break
  await first.done
  const ended = new Channel<number>()
  const second = writer(ended, 2_000)
  ended.end()
  await second.done
})
