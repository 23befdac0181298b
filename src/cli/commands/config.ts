import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { ConfigChangeDocument } from '../../api/documents.ts'
import { AppError } from '../../core/errors.ts'
import { addCommand, type Common, on, pairs } from '../command.ts'
import { formatDotenv, parseDotenv } from '../dotenv.ts'
import { edited } from '../editor.ts'
import { carry, type FollowOptions } from '../follow.ts'
import type { Session } from '../session.ts'

export function configCommands(program: Command, session: Session): void {
  const { terminal } = session

  const config = on(
    addCommand(program, 'config', {
      summary: 'list the config: the environment variables of every process',
      examples: ['lading config', 'lading config get DATABASE_URL'],
    }),
    async (options: Common) => {
      const { version, values, serving, by, at } = await (await session.client()).config(await session.app(options.app))
      if (options.json) return terminal.json({ version, values, serving, by, at })
      for (const [key, value] of Object.entries(values)) terminal.print(`${key}=${value}`)
      if (Object.keys(values).length === 0) terminal.say('There is no config yet. Set some: lading set KEY=value')
      if (serving !== null && serving !== version) {
        terminal.say(`This is version ${version}. What serves has version ${serving}; the next deploy takes this one.`)
      }
    },
  )

  on(
    addCommand(config, 'get <key>', {
      summary: 'one value, as it is',
      examples: ['lading config get DATABASE_URL'],
    }),
    async (options: Common, key: string) => {
      const { values } = await (await session.client()).config(await session.app(options.app))
      const value = Object.hasOwn(values, key) ? values[key] : undefined
      if (value === undefined) {
        throw new AppError('not-found', `${key} is not set`, { hint: '"lading config" lists what is.' })
      }
      if (options.json) terminal.json({ key, value })
      else terminal.value(value)
    },
  )

  on(
    addCommand(config, 'import <file>', {
      summary: 'set what a .env file holds, as one release; keys that it does not name stay',
      examples: ['lading config import .env', 'pass show shop | lading config import -'],
    }).option('-d, --detach', 'do not wait for the outcome'),
    async (options: FollowOptions, file: string) => {
      const changes = parseDotenv(await textOf(file, session), file)
      if (Object.keys(changes).length === 0) throw new AppError('invalid-input', `${file} sets nothing`)
      await change(session, changes, options)
    },
  )

  on(
    addCommand(config, 'edit', {
      summary: 'change config in your editor (VISUAL, EDITOR); what is saved is one release',
      more: 'A line that is removed is unset; nothing changed, nothing sent. The file lies in a folder of your own while the editor runs.',
      examples: ['lading config edit', "EDITOR='code --wait' lading config edit"],
    }).option('-d, --detach', 'do not wait for the outcome'),
    async (options: FollowOptions) => {
      const app = await session.app(options.app)
      const client = await session.client()
      const { values, version } = await client.config(app)
      const after = parseDotenv(await edited(formatDotenv(values), session.config.editor), 'what was saved')
      const changes = difference(values, after)
      if (Object.keys(changes).length === 0) return tellUnchanged(version, options, session)
      if ((await client.config(app)).version !== version) {
        throw new AppError('conflict', 'someone else changed the config meanwhile: nothing was sent', {
          hint: `You changed ${Object.keys(changes).join(', ')}. Run it again.`,
        })
      }
      await change(session, changes, options)
    },
  )

  on(
    addCommand(program, 'set [key=value...]', {
      summary: 'set config; any number of keys are one release',
      examples: ['lading set CACHE=on LEVEL=3', 'lading set --file .env', 'pass show shop | lading set --file -'],
      more: 'What stands on a command line can be seen by everybody on this machine while it runs: give secrets by --file.\nIts lines are KEY=value, taken as they are; empty lines and those that start with # are left out. What is written as .env\nfiles are, with quotes and comments, is read by "lading config import".',
    })
      .option('-f, --file <path>', 'read KEY=value lines from a file, or from stdin with "-"')
      .option('-d, --detach', 'do not wait for the outcome'),
    async (options: FollowOptions & { file?: string }, args: string[]) => {
      const fromFile =
        options.file === undefined ? [] : pairs(linesIn(await textOf(options.file, session)), 'KEY=value')
      const changes = Object.fromEntries([...fromFile, ...pairs(args, 'KEY=value')])
      if (Object.keys(changes).length === 0) throw new AppError('invalid-input', 'nothing to set was given')
      await change(session, changes, options)
    },
  )

  on(
    addCommand(program, 'unset <key...>', {
      summary: 'remove config; any number of keys are one release',
      examples: ['lading unset CACHE LEVEL'],
    }).option('-d, --detach', 'do not wait for the outcome'),
    async (options: FollowOptions, keys: string[]) =>
      change(session, Object.fromEntries(keys.map(key => [key, null])), options),
  )
}

async function change(
  session: Session,
  changes: Readonly<Record<string, string | null>>,
  options: FollowOptions,
): Promise<void> {
  const { terminal } = session
  const answer = await (await session.client()).changeConfig(await session.app(options.app), changes)
  if (answer.run) {
    terminal.say(`Config version ${answer.version}: restarting with it.`)
    return carry(session, answer.run, options)
  }
  if (options.json) terminal.json(answer)
  else terminal.print(sentence(answer))
}

function tellUnchanged(version: number, { json }: Common, { terminal }: Session): void {
  const answer: ConfigChangeDocument = { version, changed: [], run: null }
  if (json) terminal.json(answer)
  else terminal.print(sentence(answer))
}

function sentence({ changed, version }: ConfigChangeDocument): string {
  if (changed.length === 0) return 'Nothing changed.'
  return `Config version ${version} is stored, and comes with the first release.`
}

async function textOf(path: string, { stdin }: Session): Promise<string> {
  try {
    if (path !== '-') return await readFile(path, 'utf8')
  } catch (cause) {
    throw new AppError('invalid-input', `${path} cannot be read`, { cause })
  }
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

function linesIn(text: string): string[] {
  return text.split(/\r?\n/).filter(line => line.trim() !== '' && !line.startsWith('#'))
}

/** What makes the one out of the other: null removes. */
function difference(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Readonly<Record<string, string | null>> {
  const gone = Object.keys(before).filter(key => !Object.hasOwn(after, key))
  const set = Object.entries(after).filter(([key, value]) => !Object.hasOwn(before, key) || before[key] !== value)
  return Object.fromEntries([...set, ...gone.map(key => [key, null] as const)])
}
