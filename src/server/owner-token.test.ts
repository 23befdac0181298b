import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../test/rig/eventually.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { OwnerToken } from './owner-token.ts'

const [first, second] = ['a'.repeat(43), 'b'.repeat(43)]

test('another token in the file is the only one from then on, and what was open with the old one is cut', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'owner-token-'))
  const stop = new AbortController()
  t.after(async () => {
    stop.abort()
    await following
    await rm(folder, { recursive: true })
  })
  const path = join(folder, 'token')
  const said: string[] = []
  await writeFile(path, `${first}\n`)
  const token = new OwnerToken({ path, clock: systemClock, log: event => said.push(event) })
  const knows = (text: string) => token.authenticate({ kind: 'token', token: new Secret(text) }) !== null
  const open = token.revoked()
  // Before anybody listens.
  const following = token.follow(stop.signal)
  assert.deepEqual([knows(first), knows(second), open.aborted], [true, false, false])

  await writeFile(path, '')
  token.look()
  assert.deepEqual([knows(first), open.aborted], [true, false], 'an emptied file locks no one out')

  await writeFile(path, `${second}\n`, { flag: 'r+' })
  await eventually('the new one is known', async () => knows(second))
  assert.deepEqual([knows(first), open.aborted, token.revoked().aborted], [false, true, false])
  assert.equal(said.at(-1), 'owner token changed')
})

test('without a token in its file there is no control plane', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'owner-token-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'token'), 'short\n')
  assert.throws(
    () => new OwnerToken({ path: join(folder, 'token'), clock: systemClock, log: () => undefined }),
    /shorter than 32/,
  )
})
