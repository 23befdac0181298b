import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { eventually } from './eventually.ts'

/**
 * The control groups of one host: one folder per hierarchy (version 1) or one (version 2), which the host's own
 * cgroup namespace shows as the root. So engines of several hosts do not meet, and all goes with the host.
 */
export interface Cgroups {
  /** Where pid 1 starts: the root of the namespace. */
  readonly boot: readonly string[]
  /** Where later processes join. */
  readonly enter: readonly string[]
}

interface Hierarchy {
  readonly mount: string
  readonly version: 1 | 2
}

/** Hierarchies of this machine; a version 2 mount beside version 1 has no controllers and is left alone. */
async function hierarchies(): Promise<readonly Hierarchy[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map(line => line.split(' '))
  const ofType = (type: string): string[] => mounts.filter(m => m[2] === type).map(m => m[1] ?? '')
  const one = ofType('cgroup')
  if (one.length > 0) return one.map(mount => ({ mount, version: 1 }))
  return ofType('cgroup2').map(mount => ({ mount, version: 2 }))
}

export async function createCgroups(path: string): Promise<Cgroups> {
  const boot: string[] = []
  const enter: string[] = []
  for (const { mount, version } of await hierarchies()) {
    let folder = mount
    for (const part of path.split('/')) {
      const parent = folder
      folder = join(folder, part)
      await mkdir(folder, { recursive: true })
      if (version === 2) await handDownControllers(parent)
      else await inheritCpuset(parent, folder)
    }
    boot.push(folder)
    enter.push(version === 2 ? join(folder, 'init') : folder)
  }
  return { boot, enter }
}

async function handDownControllers(folder: string): Promise<void> {
  const controllers = (await readFile(join(folder, 'cgroup.controllers'), 'utf8')).trim().split(' ').filter(Boolean)
  for (const controller of controllers) await writeFile(join(folder, 'cgroup.subtree_control'), `+${controller}`)
}

/** A new cpuset of version 1 is empty and takes no process until it has CPUs and memory. */
async function inheritCpuset(parent: string, folder: string): Promise<void> {
  const files = await readdir(folder)
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (!files.includes(file)) continue
    const own = (await readFile(join(folder, file), 'utf8')).trim()
    if (own === '') await writeFile(join(folder, file), await readFile(join(parent, file)))
  }
}

/** Removes the groups, deepest first, once the processes in them are gone. No error when there are none. */
export async function removeCgroups(path: string): Promise<void> {
  for (const { mount } of await hierarchies())
    await eventually(`the control group ${join(mount, path)} is empty and gone`, async () => {
      await removeTree(join(mount, path))
      return true
    })
  await removeEmptyParents(dirname(path))
}

/** The folders above are shared with other hosts and rigs: they go with the last. */
async function removeEmptyParents(path: string): Promise<void> {
  if (path === '.') return
  for (const { mount } of await hierarchies())
    await rmdir(join(mount, path)).catch((error: NodeJS.ErrnoException) => {
      if (!['ENOENT', 'EBUSY', 'ENOTEMPTY'].includes(error.code ?? '')) throw error
    })
  await removeEmptyParents(dirname(path))
}

async function removeTree(folder: string): Promise<void> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true }))
      if (entry.isDirectory()) await removeTree(join(folder, entry.name))
    await rmdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
