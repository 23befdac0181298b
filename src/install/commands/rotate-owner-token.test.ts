import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { AppError } from '../../core/errors.ts'
import type { Step } from '../steps/steps.ts'
import { ownerTokenSteps } from './rotate-owner-token.ts'

const never = new AbortController().signal
const first = 'a'.repeat(43)

async function makePlace(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'rotate-'))
  t.after(() => rm(folder, { recursive: true }))
  const place = {
    token: join(folder, 'token'),
    change: join(folder, 'token.change'),
    // A control plane that has always noticed already.
    isTaken: async (shown: string) => (await readFile(place.token, 'utf8')).trim() === shown,
  }
  await writeFile(place.token, `${first}\n`, { mode: 0o600 })
  return { place, folder, present: async () => (await readFile(place.token, 'utf8')).trim() }
}

async function run(steps: readonly Step[]): Promise<readonly (string | null)[]> {
  const found: (string | null)[] = []
  for (const step of steps) {
    const before = await step.check(never)
    found.push(before)
    if (before === null) await step.act(() => undefined, never)
    assert.notEqual(await step.check(never), null, step.title)
  }
  return found
}

test('the token is another one, in the same file; nothing of the change is left', async t => {
  const { place, folder, present } = await makePlace(t)
  const before = await stat(place.token)
  await run(ownerTokenSteps(place))
  const after = await stat(place.token)
  assert.notEqual(await present(), first)
  assert.match(await present(), /^[\w-]{43}$/)
  assert.deepEqual([after.ino, after.mode & 0o777], [before.ino, 0o600])
  assert.deepEqual(await readdir(folder), ['token'])
})

test('killed after any step, the next run ends with the token that was written down first', async t => {
  for (const killedAfter of [1, 2, 3]) {
    const { place, folder, present } = await makePlace(t)
    await run(ownerTokenSteps(place).slice(0, killedAfter))
    const written = (JSON.parse(await readFile(place.change, 'utf8')) as { new: string }).new
    const found = await run(ownerTokenSteps(place))
    assert.ok(found.slice(0, killedAfter).every(fact => fact !== null))
    assert.equal(await present(), written)
    assert.deepEqual(await readdir(folder), ['token'])
  }
})

test('a control plane that does not answer leaves the change where it is: both tokens are known to root', async t => {
  const { place } = await makePlace(t)
  const stop = new AbortController()
  const isTaken = () => {
    stop.abort(new AppError('cancelled', 'stopped'))
    return Promise.resolve(null)
  }
  const steps = ownerTokenSteps({ ...place, isTaken })
  await run(steps.slice(0, 2))
  await assert.rejects(async () => steps[2]!.act(() => undefined, stop.signal), /stopped/)
  const { old } = JSON.parse(await readFile(place.change, 'utf8')) as { old: string }
  assert.equal(old, first)
})
