import { execFile } from 'node:child_process'
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Host } from '../rig/host.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/**
 * Lays the tree of the commit before into the host, and says which. Of a working tree with changes that is HEAD; in a
 * shallow clone, where there is no parent, HEAD too; where there is no repository, the tree as it is. Each of its programs differs from this one's in any case, so that a
 * change of documents alone is an upgrade as well.
 */
export async function layCommitBefore(host: Host, folder: string): Promise<string> {
  const commit = await commitBefore()
  const place = await host.path(folder)
  await mkdir(place, { recursive: true })
  const tar = ['-c', '-C', root, ...['.git', 'node_modules', 'dist', '.cache'].map(name => `--exclude=./${name}`), '.']
  const [program, args] = commit === null ? ['tar', tar] : ['git', ['-C', root, 'archive', commit]]
  const { stdout } = await run(program, args, { encoding: 'buffer', maxBuffer: 1 << 30 })
  await host.run(['tar', '-x', '-C', folder], { input: stdout })
  for (const part of ['server', 'keeper'])
    await appendFile(join(place, `src/${part}/main.ts`), `\nexport const isTheVersionBefore = true\n`)
  const lockFile = 'package-lock.json'
  // The launcher fetches what is not there, or older than its lock file.
  if ((await readFile(join(place, lockFile), 'utf8')) === (await readFile(join(root, lockFile), 'utf8'))) {
    await host.run(['ln', '-s', '/opt/lading/node_modules', join(folder, 'node_modules')])
    await host.run(['touch', '--date=2000-01-01', join(folder, lockFile)])
  }
  return commit ?? 'this tree'
}

async function commitBefore(): Promise<string | null> {
  const git = async (...args: string[]) => (await run('git', ['-C', root, ...args])).stdout.trim()
  if ((await git('rev-parse', '--git-dir').catch(() => null)) === null) return null
  if ((await git('status', '--porcelain', '--untracked-files=no')) !== '') return git('rev-parse', 'HEAD')
  return git('rev-parse', '--verify', '--quiet', 'HEAD~1').catch(() => git('rev-parse', 'HEAD'))
}
