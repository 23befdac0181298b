import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { commandLinkRemoval, commandLinkStep } from './command-link.ts'
import { isMissing } from '../../lib/files.ts'
import type { Step } from '../steps/steps.ts'

/** A link's place and two checkouts of Lading. */
async function ground(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'lading-link-'))
  t.after(() => rm(folder, { recursive: true }))
  const launchers = ['one', 'two'].map(name => join(folder, name, 'lading')) as [string, string]
  for (const launcher of launchers) {
    await mkdir(join(launcher, '../src/install'), { recursive: true })
    await writeFile(launcher, '')
    await writeFile(join(launcher, '../src/install/main.ts'), '')
  }
  return { folder, link: join(folder, 'bin/lading'), launchers }
}

/** As runSteps does it: what its check says in the end. */
async function run(step: Step, { signal }: TestContext): Promise<string | null> {
  if ((await step.check(signal)) === null) await step.act(() => undefined, signal)
  return step.check(signal)
}

test('the command leads to the checkout of the last up, and a purge takes it away', async t => {
  const { link, launchers } = await ground(t)
  for (const launcher of launchers) {
    assert.equal(await run(commandLinkStep(link, launcher), t), link)
    assert.equal(await readlink(link), launcher)
  }
  assert.equal(await run(commandLinkRemoval(link), t), 'removed')
  await assert.rejects(readlink(link), isMissing)
  assert.equal(await run(commandLinkRemoval(link), t), 'removed')
})

test('a link whose checkout is gone is ours', async t => {
  const { folder, link, launchers } = await ground(t)
  await run(commandLinkStep(link, join(folder, 'gone/lading')), t)
  assert.equal(await run(commandLinkStep(link, launchers[0]), t), link)
})

test('a program or a link of someone else stays, through up and purge', async t => {
  const { folder, link, launchers } = await ground(t)
  await mkdir(join(folder, 'bin'))
  await writeFile(link, 'a program')
  const theirs = join(folder, 'bin/other')
  await symlink(link, theirs)
  for (const place of [link, theirs]) {
    assert.match(
      (await run(commandLinkStep(place, launchers[0]), t)) ?? '',
      /is not ours and stays: use .*one\/lading$/,
    )
    assert.equal(await run(commandLinkRemoval(place), t), `kept: ${place} is not ours`)
    assert.equal(await readFile(place, 'utf8'), 'a program')
  }
})
