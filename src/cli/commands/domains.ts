import type { Command } from 'commander'
import type { DomainDocument } from '../../api/documents.ts'
import { addCommand, type Common, on } from '../command.ts'
import type { Session } from '../session.ts'
import { day, when } from '../format.ts'

export function domainCommands(program: Command, session: Session): void {
  const { terminal } = session
  const list = async (options: Common & { all?: boolean }) => {
    const client = await session.client()
    const domains = options.all ? await client.allDomains() : await client.domains(await session.app(options.app))
    if (options.json) return terminal.json(domains)
    if (domains.length === 0)
      return terminal.say('There is no domain yet. Add one: lading domains add shop.example.com')
    terminal.table(
      ['DOMAIN', ...(options.all ? ['APP'] : []), 'CERTIFICATE', 'STATE'],
      domains.map(one => [one.name, ...(options.all ? [one.app] : []), certificateText(one), orderText(one)]),
    )
  }

  const domains = on(
    addCommand(program, 'domains', {
      summary: 'list the domains of an app, with the certificate that each shows',
      examples: ['lading domains', 'lading domains ls --all', 'lading domains add shop.example.com'],
    }),
    list,
  )
  on(
    addCommand(domains, 'ls', {
      summary: 'the same',
      examples: ['lading domains ls', 'lading domains ls --all'],
    }).option('--all', 'of all apps'),
    list,
  )
  on(
    addCommand(domains, 'add <domain>', {
      summary: 'let an app answer at a domain too, at once and without a release',
      more: "*.example.com is every name with one label more; an exact name comes first. Point the domain here by an A record (a CNAME to the app's own name does as well). Whose it is must be proven, unless root on the server adds it: it leads here already, or a TXT record says so, which the refusal shows. A name that is there already is looked at again.",
      examples: ['lading domains add shop.example.com', "lading domains add '*.example.com' --app shop"],
    }),
    async (options: Common, name: string) => {
      const app = await session.app(options.app)
      const domain = await (await session.client()).addDomain(app, name)
      if (options.json) return terminal.json(domain)
      terminal.print(`${app} answers at ${domain.name}. Certificate: ${certificateText(domain)}`)
      if (domain.order) terminal.say(orderText(domain))
    },
  )
  on(
    addCommand(domains, 'rm <domain>', {
      summary: 'take a domain away from an app, at once',
      examples: ['lading domains rm shop.example.com'],
    }),
    async (options: Common, name: string) => {
      const app = await session.app(options.app)
      const removed = await (await session.client()).removeDomain(app, name)
      if (options.json) return terminal.json(removed)
      terminal.print(`${app} does not answer at ${removed.name} any more.`)
    },
  )
}

function certificateText({ certificate }: DomainDocument): string {
  if (certificate === null) return "the platform's own CA"
  return `${certificate.issuer}, until ${day(certificate.notAfter)}`
}

function orderText({ order }: DomainDocument): string {
  if (order === null) return ''
  return order.state === 'certified' && order.attempts === 0
    ? `renewed on ${day(order.nextAt)}`
    : `${order.reason}; next try ${when(order.nextAt)}`
}
