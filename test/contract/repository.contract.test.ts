import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeRepositories } from '../doubles/repositories.ts'
import { gitProgram, runGit } from '../../src/commit/git/program.ts'
import { GitRepositories } from '../../src/commit/git/repositories.ts'
import { parseAppName, parseCommitId } from '../../src/core/names.ts'
import { repositoriesContract } from './repository.contract.ts'

const app = parseAppName('shop')
const signal = new AbortController().signal

repositoriesContract('fake', async () => {
  const repositories = new FakeRepositories()
  await repositories.create(app, signal)
  return {
    repositories,
    commit: async commit => repositories.addCommit(app, commit),
    tag: async (name, commit) => repositories.addTag(app, name, commit),
    [Symbol.asyncDispose]: async () => {},
  }
})

repositoriesContract('git', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lading-repositories-'))
  const program = gitProgram({ root: join(folder, 'git'), hooks: '/nonexistent' })
  const repositories = new GitRepositories(program)
  await repositories.create(app, signal)
  const git = async (args: readonly string[], input = '') => {
    const result = await runGit(program, [`--git-dir=${join(program.root, 'shop.git')}`, ...args], { signal, input })
    if (result.code !== 0) throw new Error(result.stderr)
    return result.stdout.toString().trim()
  }
  return {
    repositories,
    commit: async ({ files, parents = [], subject = 'A commit' }) => {
      const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`
      const stream = [
        'feature done\ncommit refs/scratch\nmark :1\nauthor Ada <ada@example.com> 1700000000 +0000\n',
        'committer Ada <ada@example.com> 1700000000 +0000\n',
        data(subject),
        ...parents.map((parent, index) => `${index === 0 ? 'from' : 'merge'} ${parent}\n`),
        'deleteall\n',
        ...Object.entries(files).map(([path, text]) => `M 100644 inline ${JSON.stringify(path)}\n${data(text)}`),
        'get-mark :1\ndone\n',
      ]
      // Each commit on a ref of its own that goes at once: only its objects stay.
      const id = await git(['fast-import', '--quiet', '--force'], stream.join(''))
      await git(['update-ref', '-d', 'refs/scratch'])
      return parseCommitId(id)
    },
    tag: async (name, commit) => {
      await git([
        '-c',
        'user.name=Ada',
        '-c',
        'user.email=ada@example.com',
        'tag',
        '-a',
        '-m',
        'a tag',
        '--',
        name,
        commit,
      ])
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
})
