import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../lib/files.ts'

/**
 * Removes the locks of refs that a cut of power has left in the repositories of `root`: git would wait for them and then
 * refuse, for ever. Only while nothing else writes: under the lease, before any listener is open.
 */
export async function removeStaleLocks(root: string): Promise<void> {
  for (const repository of await entries(root, { recursive: false })) {
    if (!repository.endsWith('.git')) continue
    const path = join(root, repository)
    // No branch has such a name: git forbids it.
    const locks = (await entries(join(path, 'refs'), { recursive: true })).filter(name => name.endsWith('.lock'))
    // Of `packed-refs` git writes the next one beside the lock, and refuses where there is one.
    const names = ['packed-refs.lock', 'packed-refs.new', 'HEAD.lock', ...locks.map(name => join('refs', name))]
    for (const name of names) await rm(join(path, name), { force: true })
  }
}

async function entries(folder: string, options: { readonly recursive: boolean }): Promise<readonly string[]> {
  try {
    return await readdir(folder, options)
  } catch (error) {
    // Before the first app, and below a repository whose making was cut.
    return ifMissing([])(error)
  }
}
