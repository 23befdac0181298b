import type { Command } from 'commander'
import type { LimitDocument } from '../../api/documents.ts'
import { formatAmount } from '../../core/limits.ts'
import { addCommand, type Common, on, pairs } from '../command.ts'
import type { Session } from '../session.ts'

export function limitCommands(program: Command, session: Session): void {
  const { terminal } = session

  const limits = on(
    addCommand(program, 'limits', {
      summary: 'the limits of the platform: what holds, what was set, and from when on a change holds',
      more: 'What an app sets for itself (memory, CPUs, time-outs) stands in its lading.yaml.',
      examples: ['lading limits', 'lading limits set pids=1024 buildMemory=4G', 'lading limits unset pids'],
      isAppless: true,
    }),
    async (options: Common) => {
      const all = await (await session.client()).limits()
      if (options.json) return terminal.json(all)
      const settable = all.filter(limit => limit.unit !== null)
      terminal.table(['LIMIT', 'VALUE', 'DEFAULT', 'OF', 'HOLDS FROM'], settable.map(row))
      terminal.print('')
      terminal.table(
        ['FIXED', 'VALUE', 'WHY'],
        all.filter(limit => limit.unit === null).map(({ name, value, of }) => [name, String(value), of]),
      )
    },
  )

  on(
    addCommand(limits, 'set <limit=value...>', {
      summary: 'set limits of the platform; none when one of them is not taken',
      examples: ['lading limits set pids=1024', 'lading limits set buildMemory=4G buildCpus=3'],
      isAppless: true,
    }),
    async (options: Common, args: string[]) =>
      printLimits(
        await (await session.client()).changeLimits(Object.fromEntries(pairs(args, 'LIMIT=value'))),
        options,
        args,
      ),
  )

  on(
    addCommand(limits, 'unset <limit...>', {
      summary: 'take what was set back: the default holds again',
      examples: ['lading limits unset pids'],
      isAppless: true,
    }),
    async (options: Common, names: string[]) => {
      const changes = Object.fromEntries(names.map(name => [name, null]))
      printLimits(await (await session.client()).changeLimits(changes), options, names)
    },
  )

  function printLimits(all: readonly LimitDocument[], options: Common, args: readonly string[]): void {
    if (options.json) return terminal.json(all)
    for (const limit of all.filter(({ name }) => args.some(arg => arg === name || arg.startsWith(`${name}=`))))
      terminal.print(
        `${limit.name} is ${amountText(limit, limit.value)}, from ${limit.from} on`.replace(
          'from at once on',
          'at once',
        ),
      )
  }
}

function row(limit: LimitDocument): string[] {
  const { name, value, of, from, isSet } = limit
  return [name, amountText(limit, value), isSet ? amountText(limit, limit.default) : '', of, from ?? '']
}

function amountText({ unit }: LimitDocument, value: number | string): string {
  return unit === null || typeof value === 'string' ? String(value) : formatAmount(value, unit)
}
