import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import type { LogEntry } from '../../api/documents.ts'
import { AppError } from '../../core/errors.ts'
import { type EnvironmentName, parseAppName, parseEnvironmentName, production } from '../../core/names.ts'
import { followerLines } from '../../observe/client.ts'
import type { LogQuery } from '../connection/client.ts'
import { addCommand, type Common, on, wholeNumber } from '../command.ts'
import type { Session } from '../session.ts'
import { processState, when } from '../format.ts'

const retryMs = 1_000

export function processCommands(program: Command, session: Session): void {
  const { terminal } = session

  on(
    addCommand(program, 'ps', { summary: 'list the processes of an app', examples: ['lading ps'] }),
    async (options: Common) => {
      const processes = await (await session.client()).processes(await session.app(options.app))
      if (options.json) return terminal.json(processes)
      if (processes.length === 0) return terminal.say('No process runs.')
      // Who is told of no node sees no column for it.
      const showsNodes = processes.some(({ node }) => node !== null)
      terminal.table(
        ['PROCESS', 'RELEASE', 'STATE', ...(showsNodes ? ['NODE'] : []), 'SINCE', 'NOTE'],
        processes.map(process => [
          process.name,
          `v${process.release}`,
          processState(process),
          ...(showsNodes ? [process.node ?? ''] : []),
          process.startedAt === null ? '' : when(process.startedAt),
          process.note ?? '',
        ]),
      )
    },
  )

  on(
    addCommand(program, 'logs', {
      summary: 'the log of all processes and of the router, by time; of processes that are gone too',
      more: 'Times are UTC. Build output is with its run, and shown by --source build alone.',
      examples: [
        'lading logs -f',
        'lading logs --since 2h --process worker',
        'lading logs --source router -n 1000 --json | jq -r .text',
        'lading logs --platform',
        'lading logs --strangers --since 1h',
      ],
    })
      .option('-f, --follow', 'go on as lines come')
      .option(
        '-n, --lines <count>',
        'so many lines of the past, 10000 at most (default: 100, and with --since all)',
        wholeNumber,
      )
      .option('--since <time>', 'only lines from then on: 30m, 2h, 3d, or 2026-11-25T20:50:00Z')
      .option('--process <name>', 'only those of a process type (web) or a process (web.1)')
      .option('--source <name>', 'only those of app, router, platform or build')
      .option('--platform', "the platform's own, on the server (root); also while the control plane is away")
      .option('--strangers', 'what was refused to strangers, sampled, on the server (root)'),
    async (options: Common & LogOptions) => {
      const print = (entry: LogEntry) =>
        options.json ? terminal.jsonLine(entry) : terminal.print(human(entry, session))
      const query = queryOf(options, session)
      const own = ownEnvironment(options)
      const read = own === null ? await appLines(session, options.app) : ownLines(session, own)
      if (!query.follow) for await (const entry of read(query)) print(entry)
      else await followLogs(session, read, query, print)
    },
  )
}

interface LogOptions {
  readonly follow?: boolean
  readonly lines?: number
  readonly since?: string
  readonly process?: string
  readonly source?: string
  readonly platform?: boolean
  readonly strangers?: boolean
}

type Read = (query: LogQuery) => AsyncIterable<LogEntry>

const mostLines = 10_000

/** Whoever says from when on wants all of it. */
function queryOf({ follow, lines, since, process, source }: LogOptions, { clock }: Session): LogQuery {
  if (source !== undefined && !['app', 'router', 'platform', 'build'].includes(source))
    throw new AppError('invalid-input', `there is no source ${JSON.stringify(source)}`, {
      hint: 'There are app, router, platform and build; --process names a process type or a process.',
    })
  if (process !== undefined && !/^[a-z][a-z0-9-]*(\.\d+)?$/.test(process))
    throw new AppError('invalid-input', `${JSON.stringify(process)} is no process`, { hint: '"lading ps" lists them.' })
  return {
    tail: lines ?? (since === undefined ? 100 : mostLines),
    follow: follow === true,
    since: since === undefined ? null : momentOf(since, clock.now()),
    sources: [process, source].filter(one => one !== undefined),
  }
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** RFC 3339, UTC. */
function momentOf(text: string, now: number): string {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return new Date(now - Number(count) * unitMs[unit as keyof typeof unitMs]).toISOString()
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN
  if (!Number.isNaN(moment)) return new Date(moment).toISOString()
  throw new AppError('invalid-input', `${JSON.stringify(text)} is no moment`, {
    hint: 'Say how long ago (30m, 2h, 3d), or when: 2026-11-25T20:50:00Z.',
  })
}

async function appLines(session: Session, option: string | undefined): Promise<Read> {
  const app = await session.app(option)
  const client = await session.client()
  return query => client.logs(app, query)
}

/** Where the follower keeps the lines of no app (docs/design/logs.md); null: an app's are asked for. */
function ownEnvironment({ platform, strangers }: LogOptions): EnvironmentName | null {
  if (platform === true && strangers === true)
    throw new AppError('invalid-input', '--platform or --strangers?', { hint: 'They are two logs.' })
  if (strangers === true) return parseEnvironmentName('strangers')
  return platform === true ? production : null
}

/** From the node's follower itself: why a control plane does not run is told where it does not run. */
function ownLines({ config, signal }: Session, environment: EnvironmentName): Read {
  const follower = followerLines(join(dirname(config.socket), 'logs', 'logs.sock'))
  const key = { app: parseAppName('lading'), environment }
  return ({ tail, follow, since, sources: asked }) => {
    const sources = asked.map(one => (one === 'platform' ? 'lading' : one))
    return follower.lines({ ...key, tail, follow, sources, ...(since !== null && { since }) }, signal)
  }
}

/** A cut line is made again; what was printed before is not printed again. */
async function followLogs(
  session: Session,
  read: Read,
  query: LogQuery,
  print: (entry: LogEntry) => void,
): Promise<void> {
  let last: string | null = null
  for (let { tail } = query; ; tail = 1000) {
    const before: string | null = last
    try {
      for await (const entry of read({ ...query, tail })) {
        if (before !== null && entry.time <= before) continue
        print(entry)
        if (last === null || entry.time > last) last = entry.time
      }
    } catch (error) {
      if (!(error instanceof AppError && error.retryable && last !== null)) throw error
      session.terminal.say('The connection was cut; following again …')
    }
    await session.clock.sleep(retryMs, session.signal)
  }
}

function human({ time, source, text }: LogEntry, { terminal }: Session): string {
  return `${terminal.paint(time.slice(0, 23).replace(/Z?$/, 'Z'), 'dim')} ${terminal.paint(source, 'cyan')}: ${text}`
}
