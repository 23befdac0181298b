import { type Command, InvalidArgumentError } from 'commander'
import type { TokenDocument } from '../../api/documents.ts'
import { addCommand, type Common, on } from '../command.ts'
import type { Session } from '../session.ts'
import { when } from '../format.ts'

const seconds = { h: 3600, d: 86_400, w: 7 * 86_400, y: 365 * 86_400 } as const

interface New extends Common {
  readonly expires?: number
  readonly member?: string
  readonly environment?: string
}

export function tokenCommands(program: Command, session: Session): void {
  const { terminal } = session
  const words = {
    summary: "tokens: one's own, and those of the programs that deploy one's apps",
    more: 'An owner sees all of them. The last use is to the minute; the token itself is shown once, when it is made.',
    isAppless: true,
  }
  const list = async (options: Common) => {
    const all = await (await session.client()).tokens()
    if (options.json) return terminal.json(all)
    if (all.length === 0) return terminal.say('There is no token yet. Make one: lading tokens create laptop')
    terminal.table(['ID', 'NAME', 'OF', 'EXPIRES', 'LAST USED', 'MADE BY'], all.map(row))
  }

  const tokens = on(
    addCommand(program, 'tokens', { ...words, examples: ['lading tokens', 'lading tokens --json'] }),
    list,
  )
  on(addCommand(tokens, 'ls', { ...words, summary: 'the same', examples: ['lading tokens ls'] }), list)

  on(
    addCommand(tokens, 'create <name>', {
      summary: 'make a token; it goes to stdout, and is shown this once',
      more: "Without --app it is a person's: it may what that member may. With --app it is a deploy token for a program, bound to one environment: it pushes its branch, deploys, and reads releases and runs, nothing else. A token made with one that expires expires no later.",
      examples: [
        'lading tokens create laptop --expires 90d',
        'lading tokens create laptop --member ann',
        'lading tokens create ci --app shop --expires 1y',
      ],
      isAppless: true,
    })
      .option('--expires <time>', 'how long it holds: 12h, 90d, 4w, 1y; without it, until it is revoked', timeSpan)
      .option('--member <name>', "whose; only owners make another's")
      .option('-a, --app <name>', 'a deploy token for this app')
      .option('--environment <name>', "of the app's environments; production without it"),
    async (options: New, name: string) => {
      const { expires, member, app, environment } = options
      const wanted = { name, expiresIn: expires ?? null, member, app, environment }
      const made = await (await session.client()).createToken(wanted)
      if (options.json) return terminal.json(made)
      terminal.say(`${made.name} (${made.id}) is a token of ${holder(made)}, ${ends(made)}. It is not shown again:`)
      terminal.print(made.token)
    },
  )

  on(
    addCommand(tokens, 'revoke <id...>', {
      summary: 'take tokens back: they are dead at once, and what is open with them is cut',
      examples: ['lading tokens revoke 1f00ba44'],
      isAppless: true,
    }),
    async (options: Common, ids: string[]) => {
      const client = await session.client()
      const gone: TokenDocument[] = []
      for (const id of ids) {
        const token = await client.revokeToken(id)
        gone.push(token)
        if (!options.json) terminal.print(`${token.name} (${token.id}) of ${holder(token)} is revoked`)
      }
      if (options.json) terminal.json(gone)
    },
  )
}

function row(token: TokenDocument): string[] {
  const { id, name, expiresAt, usedAt, by } = token
  return [id, name, holder(token), time(expiresAt), time(usedAt), by]
}

function holder({ member, app, environment }: TokenDocument): string {
  return member ?? `${app}/${environment}`
}

function time(moment: number | null): string {
  return moment === null ? 'never' : when(moment)
}

function ends({ expiresAt }: TokenDocument): string {
  return expiresAt === null ? 'without an end' : `until ${when(expiresAt)}`
}

/** Seconds. */
function timeSpan(text: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,4})([hdwy])$/.exec(text) ?? []
  if (count !== undefined) return Number(count) * seconds[unit as keyof typeof seconds]
  throw new InvalidArgumentError('It is a number and h, d, w or y, such as 90d.')
}
