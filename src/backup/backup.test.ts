import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { checkRepository, fetchBundle, bundleRepository } from '../commit/git/bundle.ts'
import { gitProgram } from '../commit/git/program.ts'
import { GitRepositories } from '../commit/git/repositories.ts'
import { parseAppName, parseRunId, production } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { readTar, tarEnd, tarHeader, tarPadding } from '../core/tar.ts'
import { checkSqliteFile, openSqliteStore } from '../store/sqlite.ts'
import { decrypted, encrypted } from './age.ts'
import { entry } from './format.ts'
import { pack } from './pack.ts'
import { tryRestore, type TrialDeps } from './trial.ts'
import { unpack } from './unpack.ts'

const code = '5a'.repeat(32)
const recoveryCode = new Secret(code)
const signal = new AbortController().signal
const hooks = join(import.meta.dirname, '../../images/control/hooks')
const shop = parseAppName('shop')
const empty = parseAppName('empty')

/** A platform's state: two apps, one of them without a commit, config, keys. */
async function platform(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'lading-backup-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const path = join(root, 'lading.db')
  const store = await openSqliteStore({ path, dataKey: recoveryCode })
  for (const app of [shop, empty]) await store.createApp(app, 'ann', 1)
  await store.writeConfig({ app: shop, environment: production }, 1, { A: new Secret('tell-no-one') }, 'ann', 2)
  await store.writeSetting('backup.schedule', '{}')
  await store.close()
  const program = gitProgram({ root: join(root, 'git'), hooks })
  const repositories = new GitRepositories(program)
  for (const app of [shop, empty]) await repositories.create(app, signal)
  const commit = makeCommit(program.root)
  await repositories.moveBranch(shop, 'main' as never, { from: null, to: commit as never }, signal)
  await repositories.pin(shop, parseRunId('run00001'), commit as never, signal)
  const openssl = (...args: string[]) => assert.equal(spawnSync('openssl', args, { cwd: root }).status, 0)
  openssl(
    ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=x -keyout ca.key -out ca.pem'.split(' '),
  )
  const files: Record<string, string> = {
    [entry.recoveryCode]: `${code}\n`,
    [entry.token]: 'token\n',
    [entry.registryToken]: 'other\n',
    [entry.caKey]: await readFile(join(root, 'ca.key'), 'utf8'),
    [entry.caCertificate]: await readFile(join(root, 'ca.pem'), 'utf8'),
  }
  const packed = (changed: Readonly<Record<string, string>> = {}) =>
    pack(
      {
        copyStore: async copy => {
          const open = await openSqliteStore({ path, dataKey: recoveryCode })
          await open.copyTo(copy).finally(() => open.close())
        },
        listApps: async () => [empty, shop],
        bundle: (app, bundle) => bundleRepository(program, app, bundle, signal),
        files: { ...files, ...changed },
        manifest: async apps => ({
          format: 1,
          version: '0.1.0',
          made: '2026-11-25T03:15:00.000Z',
          baseDomain: 'example.com',
          node: 'one',
          apps,
          images: [],
        }),
        say: () => {},
      },
      join(root, 'packing'),
      new Date(0),
    )
  return { root, packed, commit, backup: (passphrase = recoveryCode) => collect(encrypted(packed(), passphrase)) }
}

function makeCommit(root: string): string {
  const git = ['--git-dir', join(root, 'shop.git')]
  const env = {
    PATH: process.env['PATH'],
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
  }
  const tree = spawnSync('git', [...git, 'mktree'], { input: '', env })
    .stdout.toString()
    .trim()
  return spawnSync('git', [...git, 'commit-tree', '-m', 'x', tree], { env })
    .stdout.toString()
    .trim()
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

async function* chunked(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000)
}

const deps: TrialDeps = {
  checkStore: checkSqliteFile,
  openStore: (path, dataKey) => openSqliteStore({ path, dataKey }),
  restoreRepository: async (root, app, bundle) => {
    const program = gitProgram({ root, hooks })
    await new GitRepositories(program).create(app, signal)
    await fetchBundle(program, app, bundle, signal)
    await checkRepository(program, app, signal)
  },
  say: () => {},
}

test('what was packed is restored: rows, secrets, every ref of every repository, and nothing is left behind', async t => {
  const { root, backup, commit } = await platform(t)
  const file = await backup()
  for (const secret of ['tell-no-one', code, 'BEGIN PRIVATE KEY']) assert.ok(!file.includes(secret))
  assert.ok(!(await readdir(root)).includes('packing'))

  const folder = join(root, 'trial')
  assert.deepEqual(await tryRestore(chunked(file), recoveryCode, folder, deps), {
    apps: 2,
    releases: 0,
    repositories: 1,
  })
  assert.ok(!(await readdir(root)).includes('trial'))

  const opened = join(root, 'opened')
  const { apps } = await unpack(chunked(file), recoveryCode, opened)
  assert.deepEqual(apps, [
    { app: 'empty', hasBundle: false },
    { app: 'shop', hasBundle: true },
  ])
  const program = gitProgram({ root: join(root, 'restored'), hooks })
  await new GitRepositories(program).create(shop, signal)
  await fetchBundle(program, shop, join(opened, entry.bundle(shop)), signal)
  await fetchBundle(program, shop, join(opened, entry.bundle(shop)), signal)
  const refs = spawnSync('git', [
    '--git-dir',
    join(root, 'restored/shop.git'),
    'for-each-ref',
    '--format=%(objectname) %(refname)',
  ])
  assert.equal(refs.stdout.toString(), `${commit} refs/heads/main\n${commit} refs/lading/runs/run00001\n`)
})

test('the passphrase is the owner’s own, or the recovery code; any other opens nothing', async t => {
  const { root, backup } = await platform(t)
  const passphrase = new Secret('correct horse battery staple')
  const file = await backup(passphrase)
  const folder = join(root, 'opened')
  await assert.rejects(unpack(chunked(file), recoveryCode, folder), { code: 'invalid-input', message: /decrypted/ })
  assert.ok(!(await readdir(root)).includes('opened'))
  await unpack(chunked(file), passphrase, folder)
})

test('cut off anywhere, or with one bit changed, it does not open', async t => {
  const { root, backup } = await platform(t)
  const file = await backup()
  const folder = join(root, 'opened')
  const changed = Buffer.from(file)
  changed[Math.floor(file.length / 2)]! ^= 1
  const broken = [
    file.subarray(0, 10),
    file.subarray(0, file.length >> 1),
    file.subarray(0, -1),
    changed,
    Buffer.from('a text'),
  ]
  for (const bytes of broken)
    await assert.rejects(
      unpack(chunked(bytes), recoveryCode, folder),
      { code: 'invalid-input' },
      `${bytes.length} bytes`,
    )
  assert.ok(!(await readdir(root)).includes('opened'))
})

test('a backup whose parts do not belong together is told with all that is wrong', async t => {
  const { root, packed } = await platform(t)
  const other = { [entry.recoveryCode]: `${'5b'.repeat(32)}\n`, [entry.token]: '\n' }
  const file = await collect(encrypted(packed(other), recoveryCode))
  await assert.rejects(tryRestore(chunked(file), recoveryCode, join(root, 'trial'), deps), error => {
    const { message, details } = error as { message: string; details: string[] }
    assert.equal(message, 'the backup cannot be restored')
    assert.match(details.join('\n'), /sealed with data key[^]*keys\/token is empty/)
    return true
  })
})

test('a file that someone made does not choose where it lands', async t => {
  const { root } = await platform(t)
  const stamp = { uid: 0, gid: 0, modified: 0 }
  for (const path of ['keys/other', 'git/../shop.bundle', 'git/Shop.bundle', '/etc/passwd', 'store/lading.db/x']) {
    const body = Buffer.from('x')
    const head = tarHeader({ path, kind: 'file', executable: false, target: '', size: 1 }, stamp)
    const tar = Buffer.concat([head, body, tarPadding(1), tarEnd])
    const file = await collect(encrypted(chunked(tar), recoveryCode))
    await assert.rejects(unpack(chunked(file), recoveryCode, join(root, 'opened')), /it holds|leaves|the path/, path)
    assert.ok(!(await readdir(root)).includes('opened'))
  }
})

test('the tar inside is one that tar reads, and says first what it is', async t => {
  const { backup } = await platform(t)
  const names: string[] = []
  for await (const { path, body } of readTar(decrypted(chunked(await backup()), recoveryCode))) {
    names.push(path)
    for await (const chunk of body) assert.ok(chunk)
  }
  assert.deepEqual(names, [
    ...['lading-backup.json', 'keys/recovery-code', 'keys/token', 'keys/registry-token', 'ca/ca.key', 'ca/ca.pem'],
    ...['store/lading.db', 'git/shop.bundle'],
  ])
})

test('a source that fails is not called a damaged backup', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('age-encryption.org/v1\n')
    throw new Error('the disk cannot be read')
  }
  await assert.rejects(collect(decrypted(failing(), recoveryCode)), /the disk cannot be read/)
})

test('a damaged database is found', async t => {
  const { root } = await platform(t)
  const path = join(root, 'lading.db')
  checkSqliteFile(path)
  const bytes = await readFile(path)
  bytes.fill(0x41, 4096 * 3, 4096 * 5)
  await writeFile(path, bytes)
  await chmod(path, 0o600)
  assert.throws(() => checkSqliteFile(path), /damaged|malformed/)
})
