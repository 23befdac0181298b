import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaults } from '../core/defaults.ts'
import { PushRig } from '../../test/doubles/push-rig.ts'

const MiB = 1024 * 1024

/** The push is refused with these words, no run begins, and nothing of it is on the disk. */
async function refused(rig: PushRig, words: RegExp, ...refs: readonly string[]): Promise<void> {
  const before = [await rig.stored(), await rig.refs(), rig.pipeline.runs.length]
  const { code, stderr } = await rig.push('--force', ...refs).end
  assert.equal(code, 1, stderr)
  assert.match(stderr, words)
  assert.deepEqual([await rig.stored(), await rig.refs(), rig.pipeline.runs.length], before)
}

/** A tree of these lines of `git mktree`. */
async function tree(rig: PushRig, lines: readonly string[]): Promise<string> {
  const path = join(rig.work, '.git', 'lines')
  await writeFile(path, lines.map(line => `${line}\n`).join(''))
  return (await rig.git(['-c', `alias.from=!git mktree < ${path}`, 'from'])).stdout.trim()
}

/** The branch `bomb` at a commit of this tree. */
async function commitTree(rig: PushRig, id: string): Promise<void> {
  const { stdout } = await rig.git(['commit-tree', '-m', 'bomb', id])
  await rig.git(['branch', '--force', 'bomb', stdout.trim()])
}

async function zeros(rig: PushRig, name: string, mebibytes: number): Promise<void> {
  const path = join(rig.work, name)
  await writeFile(path, '')
  await truncate(path, mebibytes * MiB)
}

test('a small pack of large files stays a pack, and is refused where a file is too large when it is unpacked', async () => {
  await using rig = await PushRig.make({ limits: { fileBytes: 20 * MiB } })
  await zeros(rig, 'zeros', 19)
  await rig.commit({ a: '1' })
  const accepted = await rig.push('main:refs/heads/stored').end
  assert.equal(accepted.code, 0, accepted.stderr)
  const { files, bytes } = await rig.stored()
  assert.ok(bytes < MiB, `19 MiB of zeros became ${bytes} bytes`)
  assert.ok(
    files.every(file => file.startsWith('pack/')),
    files.join('\n'),
  )
  await zeros(rig, 'more', 100)
  await rig.commit({ b: '1' })
  await refused(rig, /a file is larger than 20 MiB \(fileBytes\)/, 'main:refs/heads/other')
  // In the history alone it counts too, and by another field: a tag.
  await rig.git(['rm', '--quiet', 'more'])
  await rig.commit({ c: '1' })
  await refused(rig, /a file is larger than 20 MiB \(fileBytes\)/, 'main:refs/heads/other')
  await rig.git(['tag', 'v1'])
  await refused(rig, /a file is larger than 20 MiB \(fileBytes\)/, 'v1')
})

test('a commit or a tag with a message of megabytes is refused', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const message = join(rig.work, '.git', 'message')
  await writeFile(message, 'x'.repeat(defaults.gitObjectBytes))
  await rig.git(['tag', '-F', message, 'v1'])
  await refused(rig, /a tag is larger than 16 MiB \(gitObjectBytes\)/, 'v1')
  await rig.git(['commit', '--quiet', '--allow-empty', '-F', message])
  await refused(rig, /a commit is larger than 16 MiB \(gitObjectBytes\)/, 'main:refs/heads/other')
})

test('trees that name each other and stand for millions of paths are refused by the first limit they meet', async () => {
  await using rig = await PushRig.make({ limits: { treePaths: 5000 } })
  await rig.commit({ a: '1' })
  const blob = (await rig.git(['rev-parse', 'HEAD:a'])).stdout.trim()
  let level = await tree(
    rig,
    names(150).map(name => `100644 blob ${blob}\t${name}`),
  )
  for (let n = 0; n < 2; n++)
    level = await tree(
      rig,
      names(150).map(name => `040000 tree ${level}\t${name}`),
    )
  await commitTree(rig, level)
  await refused(rig, /the commit has more than 5000 files and folders/, 'bomb')
  // Without a single file, which git would walk in silence: 10^30 folders.
  level = await tree(rig, [])
  for (let n = 0; n < 30; n++)
    level = await tree(
      rig,
      names(10).map(name => `040000 tree ${level}\t${name}`),
    )
  await commitTree(rig, level)
  await refused(rig, /the commit has more than 5000 files and folders/, 'bomb')
  level = await tree(rig, [`100644 blob ${blob}\ta`])
  for (let n = 0; n < 65; n++) level = await tree(rig, [`040000 tree ${level}\td`])
  await commitTree(rig, level)
  await refused(rig, /folders of the commit are nested more than 64 deep/, 'bomb')
  await commitTree(rig, await tree(rig, [`100644 blob ${blob}\t${'x'.repeat(1025)}`]))
  await refused(rig, /a path of the commit is longer than 1024 bytes/, 'bomb')
})

test('files that are one in the repository count as often as they are in the tree; a link is as long as links are', async () => {
  await using rig = await PushRig.make({ limits: { treeBytes: 20 * MiB } })
  await zeros(rig, 'zeros', 1)
  await rig.commit({})
  const blob = (await rig.git(['rev-parse', 'HEAD:zeros'])).stdout.trim()
  await commitTree(
    rig,
    await tree(
      rig,
      names(21).map(name => `100644 blob ${blob}\t${name}`),
    ),
  )
  await refused(rig, /the files of the commit are more than 20 MiB/, 'bomb')
  await commitTree(rig, await tree(rig, [`120000 blob ${blob}\tlink`]))
  await refused(rig, /link is larger than 4 KiB/, 'bomb')
})

test('a repository and a disk are not filled', async () => {
  let free = Infinity
  await using rig = await PushRig.make({ limits: { repositoryBytes: 2 * MiB }, freeBytes: async () => free })
  await rig.commit({ a: noise(1.6 * MiB) })
  assert.equal((await rig.push('main:refs/heads/stored').end).code, 0)
  await rig.commit({ b: noise(1.2 * MiB) })
  await refused(rig, /the repository would be larger than 2 MiB \(repositoryBytes\)/, 'main:refs/heads/other')
  await rig.commit({ c: noise(3 * MiB) })
  await refused(rig, /pack exceeds maximum allowed size/, 'main:refs/heads/other')
  free = 500 * MiB
  await rig.git(['checkout', '--quiet', '-b', 'small', 'main~2'])
  await rig.commit({ d: '1' })
  await refused(rig, /the disk would have less than 512 MiB free \(pushFreeBytes\)/, 'small')
})

test('branches and tags that git would take for others are refused, and those of before can go', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const tags = [
    'refs/heads/main',
    'refs/tags/x',
    'heads/main',
    'tags/x',
    'remotes/origin/main',
    'HEAD',
    'ORIG_HEAD',
    'a'.repeat(40),
  ]
  for (const tag of tags) await refused(rig, /git would take one for the other/, `main:refs/tags/${tag}`)
  for (const branch of ['refs/heads/main', 'heads/main', 'tags/v1', 'refs/x', 'b'.repeat(40)])
    await refused(rig, /git would take one for the other/, `main:refs/heads/${branch}`)
  await refused(rig, /the tag "x" has the name of a branch/, 'main:refs/tags/x', 'main:refs/heads/x')
  const first = rig.push('main')
  await (await rig.run(first, 1)).live()
  assert.equal((await first.end).code, 0)
  await refused(rig, /the tag "main" has the name of a branch/, 'main:refs/tags/main')
  const repository = join(rig.repositories.program.root, 'shop.git')
  await rig.git([`--git-dir=${repository}`, 'update-ref', 'refs/tags/refs/heads/old', 'refs/heads/main'])
  const gone = await rig.push('--delete', 'refs/tags/refs/heads/old').end
  assert.equal(gone.code, 0, gone.stderr)
  const good = await rig.push('main:refs/tags/v1', 'main:refs/tags/release/1.0', 'main:refs/heads/headstrong').end
  assert.equal(good.code, 0, good.stderr)
})

test('a push of more branches and tags than one may have is refused as a whole', async () => {
  await using rig = await PushRig.make()
  const commit = await rig.commit({ a: '1' })
  const lines = Array.from({ length: defaults.refsOfPush + 1 }, (_, n) => `${commit} refs/tags/t${n}`)
  await writeFile(
    join(rig.work, '.git', 'packed-refs'),
    `# pack-refs with: peeled fully-peeled sorted \n${lines.sort((a, b) => (a.slice(41) < b.slice(41) ? -1 : 1)).join('\n')}\n`,
  )
  await refused(rig, /more than 2001 lines at once|a push moves 2000 branches and tags at most/, '--tags')
})

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `n${String(n).padStart(4, '0')}`)
}

/** What no pack makes much smaller. */
function noise(characters: number): string {
  return randomBytes((characters * 3) / 4).toString('base64')
}
