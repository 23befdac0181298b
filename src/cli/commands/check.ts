import { lstat, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '../../core/errors.ts'
import { checkFactors, factorLines } from '../../verify/factors/check.ts'
import type { Tree } from '../../verify/factors/factor.ts'
import { addCommand, type Common, on } from '../command.ts'
import { filesOf } from '../folder-files.ts'
import { Git } from '../git.ts'
import type { Session } from '../session.ts'

export function checkCommands(program: Command, { terminal }: Session): void {
  on(
    addCommand(program, 'check [folder]', {
      summary: 'say what the files of a folder tell of the twelve factors, and how to fix it',
      more: 'Nothing is pushed and no platform is asked. In a git repository what git would take is read, else all files. Factors that\nonly a trial run shows are not looked at yet; past commits neither. It ends with 1 when a factor is broken.',
      examples: ['lading check', 'lading check ~/shop --json'],
      isAppless: true,
    }),
    async (options: Common, folder: string = '.') => {
      const found = await checkFactors(treeOf(resolve(folder), folder))
      if (options.json) terminal.json(found)
      else for (const line of found.flatMap(factorLines)) terminal.print(line)
      const broken = found.filter(({ state }) => state === 'broken').map(({ factor, name }) => `${factor} ${name}`)
      if (broken.length > 0) throw new AppError('verify-failed', `broken: ${broken.join(', ')}`)
    },
  )
}

function treeOf(root: string, folder: string): Tree {
  const files = filesOf(root, folder)
  return {
    paths: async () => {
      const all = await files.paths()
      const known = await new Git(root).files()
      return known === null ? all : new Set(known)
    },
    text: (path, most) => beginning(join(root, path), most),
  }
}

/** Null for what is not a file: a link may lead to a device, or out of the folder. */
async function beginning(path: string, most: number): Promise<string | null> {
  const about = await lstat(path).catch(() => null)
  if (!about?.isFile()) return null
  await using file = await open(path)
  const buffer = Buffer.alloc(Math.min(most, about.size))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
  return buffer.subarray(0, bytesRead).toString('utf8')
}
