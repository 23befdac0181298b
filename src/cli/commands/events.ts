import type { Command } from 'commander'
import type { AuditDocument } from '../../api/documents.ts'
import { AppError } from '../../core/errors.ts'
import { addCommand, type Common, on, wholeNumber } from '../command.ts'
import type { Session } from '../session.ts'
import { when } from '../format.ts'

interface Options extends Common {
  readonly audit?: boolean
  readonly lines: number
  readonly all?: boolean
}

export function eventCommands(program: Command, session: Session): void {
  const { terminal } = session
  on(
    addCommand(program, 'events', {
      summary: 'who did what, from where and when',
      more: 'Changes, reads of config and code, and what was refused, by everybody who is known. Records are only added; the newest 100000 are kept. With --json a record is one line. Owners and operators may.',
      examples: [
        'lading events --audit',
        'lading events --audit -n 1000',
        'lading events --audit --all --json > audit.jsonl',
      ],
      isAppless: true,
    })
      .option('--audit', 'the record of who did what')
      .option('-n, --lines <count>', 'the newest so many', wholeNumber, 50)
      .option('--all', 'all that are kept'),
    async (options: Options) => {
      if (!options.audit) {
        throw new AppError('invalid-input', 'which events?', {
          hint: 'There is --audit, who did what; what became of deploys is in "lading runs".',
        })
      }
      const records = (await session.client()).audit(options.all ? null : options.lines)
      for await (const record of records) {
        if (options.json) terminal.jsonLine(record)
        else terminal.print(human(record))
      }
    },
  )
}

function human({ at, who, credential, from, action, target, status, note }: AuditDocument): string {
  const verb = action.startsWith('git ') ? action : action.slice(0, action.indexOf(' '))
  const outcome = status < 400 ? '' : `  refused (${status})`
  return `${when(at)}  ${who} (${credential}) from ${from}  ${verb} ${target}${note && `  ${note}`}${outcome}`
}
