import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../test/rig/eventually.ts'
import { systemClock } from '../core/system.ts'
import { EngineTokens } from './engine-tokens.ts'

const [first, second] = ['a'.repeat(43), 'b'.repeat(43)]

test('tokens of engines follow their file: HAProxy gets both, then the new one alone; damage changes nothing', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'engine-tokens-'))
  const stop = new AbortController()
  const path = join(folder, 'registry-token')
  const loaded: string[][] = []
  let refused = false
  const present = () => tokens.current().map(token => token.reveal())
  const reload = () => {
    if (!refused) {
      refused = true
      return Promise.reject(new Error('HAProxy died'))
    }
    loaded.push(present())
    return Promise.resolve()
  }
  await writeFile(path, `${first}\n`)
  const tokens = new EngineTokens({ path, clock: systemClock, log: () => undefined, reload })
  assert.deepEqual(present(), [first])
  const following = tokens.follow(stop.signal).catch(() => undefined)
  t.after(async () => {
    stop.abort()
    await following
    await rm(folder, { recursive: true })
  })

  await writeFile(path, `${second}\n${first}\n`)
  await eventually('refused once', async () => refused)
  await tokens.look()
  assert.deepEqual(loaded[0], [second, first])
  await writeFile(path, 'a line\n')
  await tokens.look()
  assert.deepEqual(present(), [second, first])
  await writeFile(path, `${second}\n`)
  await eventually('the old one is gone', async () => loaded.at(-1)?.length === 1)
  assert.deepEqual(loaded.at(-1), [second])
})

test('without a token in its file there is no keeper', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'engine-tokens-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'registry-token')
  await writeFile(path, '\n')
  const options = { path, clock: systemClock, log: () => undefined, reload: () => Promise.resolve() }
  assert.throws(() => new EngineTokens(options), { code: 'invalid-input' })
})
