import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Step } from '../steps/steps.ts'
import { registryTokenSteps } from './rotate-registry-token.ts'

const never = new AbortController().signal
const first = 'a'.repeat(43)

async function makePlace(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'rotate-'))
  t.after(() => rm(folder, { recursive: true }))
  const [token, change] = [join(folder, 'registry-token'), join(folder, 'registry-token.change')]
  /** What the services carry; each must be able to pull at any moment. */
  let carried = first
  const taken = async () => (await readFile(token, 'utf8')).trim().split('\n')
  const place = {
    token,
    change,
    // A keeper that has always noticed already.
    isTaken: async (shown: string) => (await taken()).includes(shown),
    give: async (given: string) => {
      assert.ok((await taken()).includes(given))
      carried = given
    },
  }
  await writeFile(token, `${first}\n`, { mode: 0o600 })
  const canPull = async () => assert.ok((await taken()).includes(carried), 'a service can pull')
  return { place, folder, taken, canPull, carried: () => carried }
}

type Made = Awaited<ReturnType<typeof makePlace>>

async function run(steps: readonly Step[], { canPull }: Made): Promise<void> {
  for (const step of steps) {
    if ((await step.check(never)) === null) await step.act(() => undefined, never)
    assert.notEqual(await step.check(never), null, step.title)
    await canPull()
  }
}

test('the token of engines is another one, which services carry before the old one is refused', async t => {
  const made = await makePlace(t)
  const before = await stat(made.place.token)
  await run(registryTokenSteps(made.place), made)
  const after = await stat(made.place.token)
  const [token = '', ...others] = await made.taken()
  assert.match(token, /^[\w-]{43}$/)
  assert.notEqual(token, first)
  assert.deepEqual([others, made.carried()], [[], token])
  assert.deepEqual([after.ino, after.mode & 0o777], [before.ino, 0o600])
  assert.deepEqual(await readdir(made.folder), ['registry-token'])
})

test('killed in or after any step, the next run ends with the token that was written down first', async t => {
  for (const killedAfter of [1, 2, 3, 4]) {
    for (const isInside of [false, true]) {
      const made = await makePlace(t)
      const steps = registryTokenSteps(made.place)
      await run(steps.slice(0, killedAfter), made)
      const { new: written } = JSON.parse(await readFile(made.place.change, 'utf8')) as { new: string }
      // Its work is done, and no one has noted it: what it does a second time must be harmless.
      if (isInside && killedAfter === 2) await made.place.give(written)
      await run(steps, made)
      assert.deepEqual([await made.taken(), made.carried()], [[written], written])
      assert.deepEqual(await readdir(made.folder), ['registry-token'])
    }
  }
})
