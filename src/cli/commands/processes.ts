import type { Command } from 'commander'
import type { LogEntry } from '../../api/documents.ts'
import { AppError } from '../../core/errors.ts'
import { addCommand, type Common, on, wholeNumber } from '../command.ts'
import type { Session } from '../session.ts'
import { processState, when } from '../words.ts'

const retryMs = 1_000

export function processCommands(program: Command, session: Session): void {
  const { terminal } = session

  on(
    addCommand(program, 'ps', { summary: 'list the processes of an app', examples: ['lading ps'] }),
    async (options: Common) => {
      const processes = await (await session.client()).processes(await session.app(options.app))
      if (options.json) return terminal.json(processes)
      if (processes.length === 0) return terminal.say('No process runs.')
      terminal.table(
        ['PROCESS', 'RELEASE', 'STATE', 'NODE', 'SINCE', 'NOTE'],
        processes.map(process => [
          process.name,
          `v${process.release}`,
          processState(process),
          process.node ?? '',
          process.startedAt === null ? '' : when(process.startedAt),
          process.note ?? '',
        ]),
      )
    },
  )

  on(
    addCommand(program, 'logs', {
      summary: 'the log of all processes and of the router, by time',
      examples: ['lading logs', 'lading logs -f', 'lading logs -n 1000 --json | jq -r .text'],
    })
      .option('-f, --follow', 'go on as lines come')
      .option('-n, --lines <count>', 'so many lines of the past', wholeNumber, 100),
    async (options: Common & { follow?: boolean; lines: number }) => {
      const app = await session.app(options.app)
      const print = (entry: LogEntry) => terminal.print(options.json ? JSON.stringify(entry) : human(entry, session))
      const client = await session.client()
      const past = { tail: options.lines, follow: options.follow === true }
      if (!past.follow) for await (const entry of client.logs(app, past)) print(entry)
      else await followLogs(session, app, options.lines, print)
    },
  )
}

/** A cut line is made anew; what was printed before is not printed again. */
async function followLogs(
  session: Session,
  app: string,
  lines: number,
  print: (entry: LogEntry) => void,
): Promise<void> {
  const client = await session.client()
  let last: string | null = null
  for (let tail = lines; ; tail = 1000) {
    const before: string | null = last
    try {
      for await (const entry of client.logs(app, { tail, follow: true })) {
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
