import type { Command } from 'commander'
import { AppError } from '../../core/errors.ts'
import type { BillDocument } from '../../api/documents.ts'
import { addCommand, type Common, on, wholeNumber } from '../command.ts'
import type { Session } from '../session.ts'
import { graphLines } from '../verdict.ts'
import { bytes, formation, outcome, when } from '../format.ts'

export function releaseCommands(program: Command, session: Session): void {
  const { terminal } = session

  const releases = on(
    addCommand(program, 'releases', {
      summary: 'list the releases of an app, newest first',
      examples: ['lading releases', 'lading releases show v12'],
    }).option('-n, --lines <count>', 'so many', wholeNumber, 20),
    async (options: Common & { lines: number }) => {
      const list = await (await session.client()).releases(await session.app(options.app), options.lines)
      if (options.json) return terminal.json(list)
      if (list.length === 0) return terminal.say('There is no release yet. Make one: git push lading main')
      terminal.table(
        ['RELEASE', 'WHAT', 'BY', 'WHEN', 'STATE'],
        list.map(release => [
          release.release,
          release.description,
          release.by,
          when(release.createdAt),
          outcome(release),
        ]),
      )
    },
  )

  on(
    addCommand(releases, 'show <release>', {
      summary: 'what a release is made of: its bill of lading',
      examples: ['lading releases show v12'],
    }),
    async (options: Common, release: string) => {
      const bill = await (await session.client()).bill(await session.app(options.app), release)
      if (options.json) terminal.json(bill)
      else printBill(bill, session)
    },
  )

  on(
    addCommand(releases, 'diff [from] [to]', {
      summary: 'what one release has otherwise than another',
      more: 'Without releases: what serves against the one before it. With one: that one against what serves.',
      examples: ['lading releases diff', 'lading releases diff v11', 'lading releases diff v11 v12'],
    }),
    async (options: Common, from: string | undefined, to: string | undefined) => {
      const app = await session.app(options.app)
      const client = await session.client()
      const serving = (await client.app(app)).environments[0]?.serving
      if (to === undefined && !serving) throw new AppError('not-found', `${app} has no release that serves`)
      const newer = to ?? serving?.release ?? ''
      const older = from ?? `v${(serving?.number ?? 1) - 1}`
      if (older === 'v0') throw new AppError('not-found', `${newer} is the first release of ${app}`)
      const [one, other] = await Promise.all([client.bill(app, older), client.bill(app, newer)])
      const changes = differences(one, other)
      if (options.json) return terminal.json({ app, from: one.release, to: other.release, changes })
      if (changes.length === 0) return terminal.say(`${one.release} and ${other.release} are made of the same parts.`)
      terminal.table(
        ['WHAT', one.release, other.release],
        changes.map(({ what, from: before, to: after }) => [what, before ?? 'none', after ?? 'none']),
      )
    },
  )

  on(
    addCommand(program, 'bill [release]', {
      summary: 'the bill of lading of a release as JSON; without one, of the release that serves',
      examples: ['lading bill', 'lading bill v12'],
    }),
    async (options: Common, release: string | undefined) => {
      const app = await session.app(options.app)
      const client = await session.client()
      const serving = (await client.app(app)).environments[0]?.serving?.release
      const wanted = release ?? serving
      if (wanted === undefined) throw new AppError('not-found', `${app} has no release yet`)
      terminal.json(await client.bill(app, wanted))
    },
  )
}

interface Difference {
  readonly what: string
  /** Null: the release has none. */
  readonly from: string | null
  readonly to: string | null
}

function differences(one: BillDocument, other: BillDocument): Difference[] {
  const [from, to] = [partsOf(one), partsOf(other)]
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .map(what => ({ what, from: from[what] ?? null, to: to[what] ?? null }))
    .filter(part => part.from !== part.to)
}

function partsOf(bill: BillDocument): Readonly<Record<string, string>> {
  return {
    ...(bill.commit !== null && { commit: bill.commit }),
    image: bill.image.reference.replace(/^.*@/, ''),
    'size of layers': bytes(sum(bill.image.layers.map(({ size }) => size))),
    config: `version ${bill.configVersion}`,
    formation: formation(bill.formation) || 'web=1',
    ...Object.fromEntries(bill.processes.map(({ type, command }) => [`process ${type}`, command ?? 'of the image'])),
  }
}

function printBill(bill: BillDocument, { terminal }: Session): void {
  const fresh = bill.image.layers.filter(layer => layer.isNew)
  const facts: (readonly [string, string])[] = [
    ['Release', `${bill.release} of ${bill.app}/${bill.environment}`],
    ['What', bill.description],
    ['State', outcome(bill.outcome)],
    ['Commit', bill.commit ?? 'none'],
    ['Author', bill.author],
    ['Image', bill.image.reference],
    [
      'Layers',
      `${bill.image.layers.length}, of them ${fresh.length} new (${bytes(sum(fresh.map(({ size }) => size)))})`,
    ],
    ['Verdict', bill.verdict.sentence],
    ['Config', `version ${bill.configVersion}`],
    ['Formation', formation(bill.formation) || 'web=1'],
    ['Released', `${when(bill.outcome.createdAt)} by ${bill.releasedBy}, run ${bill.run}`],
  ]
  for (const [name, value] of facts) terminal.print(`${name.padEnd(11)}${value}`)
  for (const { type, command } of bill.processes)
    terminal.print(`  ${type}: ${command ?? '(the command of the image)'}`)
  for (const line of graphLines(bill.verdict)) terminal.print(line)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
