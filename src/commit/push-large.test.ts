import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MiB } from '../lib/format.ts'
import { PushRig } from '../../test/doubles/push-rig.ts'

test('a push of 200 MB passes through in constant memory', async () => {
  await using rig = await PushRig.make()
  // The client need not work hard: what is random does not get smaller.
  await rig.git(['config', 'core.compression', '0'])
  await rig.git(['config', 'core.bigFileThreshold', '1m'])
  await writeRandom(join(rig.work, 'large'), 200)
  const commit = await rig.commit({ a: '1' })
  const before = process.resourceUsage().maxRSS
  const push = rig.push('main')
  await (await rig.run(push, 1)).live()
  const { code, stderr } = await push.end
  assert.equal(code, 0, stderr)
  assert.deepEqual(await rig.refs(), [`refs/heads/main ${commit}`])
  const grown = (process.resourceUsage().maxRSS - before) / 1024
  assert.ok(grown < 100, `this process grew by ${grown} MiB`)
})

test('a pack above the limit is refused, and the client hears why', async () => {
  await using rig = await PushRig.make({ pushBytes: () => MiB })
  await writeRandom(join(rig.work, 'large'), 3)
  await rig.commit({ a: '1' })
  const { code, stderr } = await rig.push('main').end
  assert.equal(code, 1)
  assert.match(stderr, /pack exceeds maximum allowed size/)
  assert.deepEqual([await rig.refs(), rig.pipeline.runs], [[], []])
})

async function writeRandom(path: string, mebibytes: number): Promise<void> {
  await using file = await open(path, 'w')
  const block = randomBytes(MiB)
  for (let n = 0; n < mebibytes; n++) {
    block.writeUInt32LE(n)
    await file.write(block)
  }
}
