import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { AcmeDocument, CertificatesDocument } from '../../api/documents.ts'
import { AppError } from '../../core/errors.ts'
import { letsEncrypt } from '../../core/lets-encrypt.ts'
import { addCommand, type Common, on } from '../command.ts'
import type { Session } from '../session.ts'
import { day, when } from '../format.ts'

export function certificateCommands(program: Command, session: Session): void {
  const { terminal } = session
  const list = async (options: Common) => {
    const found = await (await session.client()).certificates()
    if (options.json) return terminal.json(found)
    tell(found)
  }
  const tell = ({ hosts, given, warnings }: CertificatesDocument) => {
    terminal.table(
      ['HOST', 'ISSUER', 'ENDS', 'DAYS', 'RENEWED', 'LAST ERROR'],
      hosts.map(({ host, issuer, notAfter, renewsAt, error }) => [
        host,
        issuer,
        day(notAfter),
        String(daysTo(notAfter)),
        renewsAt === null ? 'by you' : when(renewsAt),
        error ?? '',
      ]),
    )
    if (given.length > 0) terminal.print('')
    for (const { id, names, issuer, notAfter, by } of given)
      terminal.print(`Given by ${by}: ${id} for ${names.join(', ')}, of ${issuer}, until ${day(notAfter)}`)
    for (const warning of warnings) terminal.say(`!  ${warning}`)
  }
  const daysTo = (time: number) => Math.floor((time - session.clock.now()) / 86_400_000)

  const certs = on(
    addCommand(program, 'certs', {
      summary: 'list every host with its certificate: who issued it, when it ends, when it is renewed',
      examples: ['lading certs', 'lading certs add --cert fullchain.pem --key privkey.pem'],
      isAppless: true,
    }),
    list,
  )
  on(addCommand(certs, 'ls', { summary: 'the same', examples: ['lading certs ls'], isAppless: true }), list)
  on(
    addCommand(certs, 'add', {
      summary: 'give a certificate of your own, for every host that it covers',
      more: 'Checked before it is taken: whether the key is its own, the chain whole, a host of yours among its names, and today between its dates. The key is kept encrypted. When it has ended, its hosts get what they would have without it.',
      examples: ['lading certs add --cert fullchain.pem --key privkey.pem'],
      isAppless: true,
    })
      .requiredOption('--cert <file>', 'the chain (PEM), its own certificate and those that issued it')
      .requiredOption('--key <file>', 'its key (PEM), without a passphrase'),
    async (options: Common & { cert: string; key: string }) => {
      const [chain, key] = [await fileOf(options.cert), await fileOf(options.key)]
      const given = await (await session.client()).addCertificate(chain, key)
      if (options.json) return terminal.json(given)
      const { id, names, issuer, notAfter } = given
      terminal.print(`${id} for ${names.join(', ')}, of ${issuer}, is shown until ${day(notAfter)}.`)
    },
  )
  on(
    addCommand(certs, 'rm <certificate>', {
      summary: 'forget a certificate that was given; its hosts get what they would have without it',
      examples: ['lading certs rm 3f0c9a1be2d47765'],
      isAppless: true,
    }),
    async (options: Common, id: string) => {
      const removed = await (await session.client()).removeCertificate(id)
      if (options.json) return terminal.json(removed)
      terminal.print(`The certificate ${id} is forgotten.`)
    },
  )

  acmeCommands(program, session)
}

interface AcmeOptions extends Common {
  readonly email?: string
  readonly directory?: string
  readonly staging?: string | true
  readonly ca?: string
  readonly dnsHook?: string
  readonly internal?: boolean
  readonly redirect: boolean
}

function acmeCommands(program: Command, session: Session): void {
  const { terminal } = session
  const status = async (options: Common) => {
    const acme = await (await session.client()).acme()
    if (options.json) return terminal.json(acme)
    tell(acme)
  }
  const tell = ({ account, orders }: AcmeDocument) => {
    if (account === null) return terminal.print("ACME is off; domains have certificates of the platform's own CA.")
    terminal.print(`ACME is on since ${when(account.at)}, by ${account.by}`)
    terminal.print(`Directory   ${account.directory}`)
    terminal.print(`Rehearsal   ${account.rehearsal ?? 'none'}`)
    terminal.print(`Email       ${account.email ?? 'none'}`)
    terminal.print(`DNS hook    ${account.dnsHook ?? 'none: no wildcards'}`)
    if (orders.length === 0) return
    terminal.table(
      ['DOMAIN', 'STATE', 'TRIES', 'NEXT', 'REASON'],
      orders.map(({ name, state, attempts, nextAt, reason }) => [name, state, String(attempts), when(nextAt), reason]),
    )
  }

  const acme = on(
    addCommand(program, 'acme', {
      summary: 'certificates for domains by ACME, such as those of Let’s Encrypt: is it on, and how far is it',
      examples: ['lading acme', 'lading acme on --email ops@example.com'],
      isAppless: true,
    }),
    status,
  )
  on(addCommand(acme, 'status', { summary: 'the same', examples: ['lading acme status'], isAppless: true }), status)
  on(
    addCommand(acme, 'on', {
      summary: 'order a certificate for every domain, and renew it; running it agrees to the terms of the CA',
      more: 'A name must lead here first (port 80); that is looked at before the CA is asked, and Let’s Encrypt’s staging is asked before Let’s Encrypt. Wildcards need a hook: a program in /etc/lading/hooks on the server that puts a record into DNS (docs/design/domains.md).',
      examples: [
        'lading acme on --email ops@example.com',
        'lading acme on --directory https://ca.example.com/acme/directory --ca root.pem',
        'lading acme on --email ops@example.com --dns-hook hetzner',
      ],
      isAppless: true,
    })
      .option('--email <address>', 'where the CA writes to')
      .option('--directory <url>', "the CA's directory; without it, Let's Encrypt's")
      .option(
        '--staging [url]',
        "of a CA's staging: asked before the directory; without a URL, no other is: Let's Encrypt's, or what --directory names",
      )
      .option('--ca <file>', "the CA (PEM) that the directory's own certificate is of, where not everybody knows it")
      .option('--dns-hook <name>', 'a program in /etc/lading/hooks on the server, for wildcards')
      .option(
        '--no-redirect',
        'leave visitors who come by plain HTTP there; without it, they are sent to HTTPS for good',
      )
      .option('--internal', 'the CA is in a network of your own, or on this machine (root, on the server)'),
    async (options: AcmeOptions) => {
      const set = await (
        await session.client()
      ).turnAcmeOn({
        directory: options.directory ?? (options.staging === true ? letsEncrypt.rehearsal : null),
        rehearsal: typeof options.staging === 'string' ? options.staging : null,
        ...(options.staging === true && { isRehearsal: true }),
        email: options.email ?? null,
        ca: options.ca === undefined ? null : await fileOf(options.ca),
        dnsHook: options.dnsHook ?? null,
        redirect: options.redirect,
        ...(options.internal && { isInternal: true }),
      })
      if (options.json) return terminal.json(set)
      terminal.print(`ACME is on: ${set.account?.directory}. How far it is: lading acme status`)
    },
  )
  on(
    addCommand(acme, 'off', {
      summary: 'order and renew nothing more; what there is, is shown until it ends',
      examples: ['lading acme off'],
      isAppless: true,
    }),
    async (options: Common) => {
      const off = await (await session.client()).turnAcmeOff()
      if (options.json) return terminal.json(off)
      terminal.print('ACME is off.')
    },
  )
}

async function fileOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new AppError('invalid-input', `${path} cannot be read`, { cause })
  }
}
