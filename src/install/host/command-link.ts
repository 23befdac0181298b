import { lstat, mkdir, readlink, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { isMissing, isThere, pointLink } from '../../lib/files.ts'
import { checkout, paths } from '../paths.ts'
import type { Step } from '../steps/steps.ts'

/** `lading`, as every hint says it, from everywhere on the server. What is there and not ours stays as it is. */
export function commandLinkStep(link: string = paths.command, launcher = join(checkout, 'lading')): Step {
  return {
    title: 'command',
    check: async () => {
      const target = await targetOf(link)
      if (target === launcher) return link
      return target === null || (await isLauncher(target)) ? null : `${link} is not ours and stays: use ${launcher}`
    },
    act: async () => {
      await mkdir(dirname(link), { recursive: true })
      await pointLink(link, launcher)
    },
  }
}

/** What `down --purge` does with it; a checkout that is gone leaves a link that is ours. */
export function commandLinkRemoval(link: string = paths.command): Step {
  return {
    title: 'command',
    check: async () => {
      const target = await targetOf(link)
      if (target === null) return 'removed'
      return (await isLauncher(target)) ? null : `kept: ${link} is not ours`
    },
    act: () => rm(link),
  }
}

/** Where the link leads; the address itself when it is no link; null when there is nothing. */
async function targetOf(link: string): Promise<string | null> {
  try {
    if (!(await lstat(link)).isSymbolicLink()) return link
    return resolve(dirname(link), await readlink(link))
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** The launcher of a checkout, this one or another, or of one that is gone. */
async function isLauncher(path: string): Promise<boolean> {
  if (basename(path) !== 'lading') return false
  return (await isThere(join(dirname(path), 'src/install/main.ts'))) || !(await isThere(path))
}
