import type { Command } from 'commander'
import { roleDescriptions } from '../../access/roles.ts'
import type { MemberDocument } from '../../api/documents.ts'
import { AppError } from '../../core/errors.ts'
import { addCommand, type Common, on } from '../command.ts'
import type { Session } from '../session.ts'
import { when } from '../format.ts'

const roles = `Roles:\n${Object.entries(roleDescriptions)
  .map(([role, words]) => `  ${role.padEnd(10)} ${words}`)
  .join('\n')}`

export function memberCommands(program: Command, session: Session): void {
  const { terminal } = session
  const list = async (options: Common) => {
    const all = await (await session.client()).members()
    if (options.json) return terminal.json(all)
    terminal.table(
      ['MEMBER', 'ROLES', 'SINCE'],
      all.map(member => [member.name, rolesOf(member), when(member.at)]),
    )
  }

  const members = on(
    addCommand(program, 'members', {
      summary: 'who is known to the platform, and what each may do',
      more: roles,
      examples: ['lading members', 'lading members --json'],
      isAppless: true,
    }),
    list,
  )
  on(addCommand(members, 'ls', { summary: 'the same', examples: ['lading members ls'], isAppless: true }), list)

  on(
    addCommand(members, 'add <name> <role>', {
      summary: 'give a role, on one app or on the whole platform; who is new becomes a member',
      more: `${roles}\n\nA member comes in with a token: lading tokens create laptop --member NAME`,
      examples: ['lading members add ann developer --app shop', 'lading members add bob operator'],
      isAppless: true,
    }).option('-a, --app <name>', 'developer or viewer of this app; without it, of the whole platform'),
    async (options: Common, name: string, role: string) => {
      const member = await (await session.client()).addMember(name, { role, app: options.app ?? null })
      if (options.json) return terminal.json(member)
      terminal.print(`${member.name} is ${rolesOf(member)}`)
    },
  )

  on(
    addCommand(members, 'rm <name> [role]', {
      summary: 'take a role back, or without a role the member with all tokens; what is open ends at once',
      examples: ['lading members rm ann developer --app shop', 'lading members rm ann --yes'],
      isAppless: true,
    })
      .option('-a, --app <name>', 'the role on this app')
      .option('--yes', 'the whole member: roles and tokens'),
    async (options: Common & { yes?: boolean }, name: string, role: string | undefined) => {
      if (role === undefined && !options.yes) {
        throw new AppError('invalid-input', `without a role all of ${name} goes: every role and every token`, {
          hint: `Add --yes, or name one role: lading members rm ${name} developer --app shop`,
        })
      }
      const gone = await (await session.client()).removeMember(name, { role, app: options.app ?? null })
      if (options.json) return terminal.json(gone)
      const what = role === undefined ? 'a member' : `${role}${options.app === undefined ? '' : ` of ${options.app}`}`
      terminal.print(`${name} is not ${what} any more`)
      // An older control plane does not tell.
      for (const token of gone.left ?? []) {
        const holder = token.member ?? `${token.app}/${token.environment}`
        terminal.say(
          `A token that ${name} made holds: ${token.name} of ${holder}. Take it back: lading tokens revoke ${token.id}`,
        )
      }
    },
  )
}

function rolesOf({ grants }: MemberDocument): string {
  if (grants.length === 0) return 'nothing'
  return grants.map(({ role, app }) => (app === null ? role : `${role} of ${app}`)).join(', ')
}
