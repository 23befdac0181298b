import type { Command } from 'commander'
import { wentLive } from '../../core/states.ts'
import { addCommand, type Common, on, wholeNumber } from '../command.ts'
import { carry } from '../follow.ts'
import type { Session } from '../session.ts'
import { graphLines } from '../verdict.ts'
import { whatIs, when } from '../format.ts'

export function runCommands(program: Command, session: Session): void {
  const { terminal } = session

  const runs = on(
    addCommand(program, 'runs', {
      summary: 'list the runs of an app: every deploy, rollback, scaling, config change',
      examples: ['lading runs', 'lading runs show ID', 'lading runs cancel ID'],
    }).option('-n, --lines <count>', 'so many', wholeNumber, 20),
    async (options: Common & { lines: number }) => {
      const list = await (await session.client()).runs(await session.app(options.app), options.lines)
      if (options.json) return terminal.json(list)
      if (list.length === 0) return terminal.say('There is no run yet.')
      terminal.table(
        ['RUN', 'WHAT', 'BY', 'WHEN', 'STATE', 'REASON'],
        list.map(run => [run.id, whatIs(run), run.by, when(run.createdAt), run.state, run.reason]),
      )
    },
  )

  on(
    addCommand(runs, 'show <id>', {
      summary: 'the whole story of a run',
      examples: ['lading runs show ID', 'lading runs show ID --follow'],
      isAppless: true,
    }).option('-f, --follow', 'go on until it is live or has ended'),
    async (options: Common & { follow?: boolean }, id: string) => {
      const client = await session.client()
      const run = await client.run(id)
      if (options.follow) return carry(session, run, options)
      if (options.json) return terminal.json(run)
      terminal.print(`${whatIs(run)} of ${run.app}/${run.environment}, by ${run.by} at ${when(run.createdAt)}`)
      for (const line of run.lines) terminal.print(line.text)
      for (const line of graphLines(run.verdict ?? null)) terminal.print(line)
      const color = wentLive(run.state) ? 'green' : run.state === 'failed' ? 'red' : 'yellow'
      terminal.print(`${terminal.paint(run.state, color)}: ${run.reason}`)
      for (const line of run.details) terminal.print(`  ${line}`)
      if (run.release !== null) terminal.print(`It made v${run.release}: lading releases show v${run.release}`)
    },
  )

  on(
    addCommand(runs, 'cancel <id>', {
      summary: 'stop a run before its point of no return; what serves goes on serving',
      examples: ['lading runs cancel ID'],
      isAppless: true,
    }),
    async (options: Common, id: string) => {
      const run = await (await session.client()).cancel(id)
      if (options.json) terminal.json(run)
      else terminal.print(`Run ${run.id} is ${run.state}: ${run.reason}`)
    },
  )
}
