import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { eventually } from '../../rig/eventually.ts'
import type { App, Platform } from '../host.ts'

const FIXTURES = join(import.meta.dirname, '../../fixtures/broken')
const GOLDEN = join(import.meta.dirname, '../../golden/broken')
/** Comes up, goes live, and exits then: not a push that fails, but a release that is rolled back. */
const DIES_WHEN_LIVE = 'dies-when-live'

/**
 * One app takes every broken version in turn. What its pusher reads is kept in test/golden/broken, regenerated with
 * UPDATE_GOLDEN=1: read it as someone would who was woken by it.
 */
export function brokenApps(platform: () => Platform): void {
  let app: App
  let good: string

  before(async () => {
    app = await platform().create('shop', 'apps/hello')
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    await app.answers('v1')
    good = await app.git(['rev-parse', 'HEAD'])
  })

  for (const name of readdirSync(FIXTURES).filter(name => name !== DIES_WHEN_LIVE)) {
    test(`${name}: the push fails and says why, the branch has not moved, the old release answers`, async () => {
      await pushed(name)
      const push = await app.push()
      assert.notEqual(push.code, 0, push.stderr)
      assert.equal(await app.remoteHead(), good)
      assert.deepEqual(await app.get(), { status: 200, body: 'v1' })
      assert.equal((await app.releases()).find(({ serving }) => serving)?.number, 1)
      await reads(name, push.stderr)
    })
  }

  test(`${DIES_WHEN_LIVE}: rolled back by itself to a new release of the old parts, and "lading releases" says so`, async () => {
    await pushed(DIES_WHEN_LIVE)
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    const live = await eventually('it is rolled back', async () => {
      const releases = await app.releases()
      return releases[0]?.description.startsWith('Automatic rollback') && releases[0].state === 'settled' && releases
    })
    await app.answers('v1')
    assert.deepEqual(
      live.slice(0, 2).map(({ release, description }) => `${release} ${description.replace(/[0-9a-f]{7}$/, 'it')}`),
      [`v${live.length} Automatic rollback to v1`, `v${live.length - 1} Deploy it`],
    )
    await reads(DIES_WHEN_LIVE, `${push.stderr}\n$ lading releases\n${await app.lading(['releases', '-n', '2'])}\n`)
  })

  /** The good version's commit with the broken version on it. */
  async function pushed(name: string): Promise<void> {
    await app.git(['reset', '--quiet', '--hard', good])
    await app.become(`broken/${name}`)
    await app.commit(`Try ${name}`)
  }
}

async function reads(name: string, text: string): Promise<void> {
  const file = join(GOLDEN, `${name}.txt`)
  const actual = normalised(text)
  if (process.env['UPDATE_GOLDEN']) return writeFile(file, actual)
  assert.equal(actual, await readFile(file, 'utf8'))
}

/** What differs from push to push, and git's padding to a terminal's width. */
function normalised(text: string): string {
  return text
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll(/^remote: +waiting: .*\n/gm, '')
    .replaceAll(/: \d+ layers, .*/g, ': LAYERS')
    .replaceAll(/\brun [0-9a-z]{10,}/g, 'run ID')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'TIME')
    .replaceAll(/(?<=^(?!remote|\$).*\S) {2,}/gm, '  ')
    .replaceAll(/sha256:[0-9a-f]{6,64}/g, 'sha256:…')
    .replaceAll(/\b[0-9a-f]{7}\b/g, 'COMMIT')
    .replaceAll(/\bv\d+\b/g, 'vN')
    .replaceAll(/\d+\.\d+ s\b/g, 'N s')
}
