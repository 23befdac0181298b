import type { Command } from 'commander'
import type { AttachDocument, ServiceDocument } from '../../api/documents.ts'
import { AppError } from '../../core/errors.ts'
import { addCommand, type Common, on } from '../command.ts'
import { carry, type FollowOptions } from '../follow.ts'
import type { Session } from '../session.ts'
import { bytes, day, when } from '../format.ts'

const pollMs = 1_000
const destroyedDays = 7

export function serviceCommands(program: Command, session: Session): void {
  const { terminal } = session
  const services = listing(program, session)
  making(services, session)
  attaching(services, session)

  on(
    addCommand(services, 'destroy <name>', {
      summary: 'end a service that nothing is attached to',
      more: `Its data stay on the server's disk for ${destroyedDays} days, and then go for good.`,
      examples: ['lading services destroy db', 'lading services destroy db --confirm db'],
      isAppless: true,
    }).option('--confirm <name>', "the service's name, typed out; asked for without it"),
    async (options: Common & { confirm?: string }, name: string) => {
      const typed = options.confirm ?? (await session.typedName(`Type ${name} to destroy it: `))
      if (typed !== name) throw new AppError('invalid-input', `${name} was not destroyed: its name was not typed`)
      const answer = await (await session.client()).destroyService(name)
      if (options.json) return terminal.json(answer)
      terminal.print(`${name} is destroyed. Its data stay on the server for ${destroyedDays} days.`)
    },
  )
}

function listing(program: Command, session: Session): Command {
  const { terminal } = session
  const list = async (options: Common) => {
    const all = await (await session.client()).services()
    if (options.json) return terminal.json(all)
    if (all.length === 0) return terminal.say('There is no service yet. Make one: lading services create postgres db')
    terminal.table(
      ['SERVICE', 'KIND', 'STATE', 'DATA', 'ATTACHED TO'],
      all.map(one => [one.name, one.title, stateText(one), sizeText(one), users(one)]),
    )
  }
  const services = on(
    addCommand(program, 'services', {
      summary: 'list the backing services: databases that the platform runs',
      examples: ['lading services', 'lading services create postgres db', 'lading services attach db --app shop'],
      isAppless: true,
    }),
    list,
  )
  on(addCommand(services, 'ls', { summary: 'the same', examples: ['lading services ls'], isAppless: true }), list)
  on(
    addCommand(services, 'info <name>', {
      summary: 'what a service is, how it is, and who is attached',
      examples: ['lading services info db'],
      isAppless: true,
    }),
    async (options: Common, name: string) => {
      const one = await (await session.client()).service(name)
      if (options.json) return terminal.json(one)
      const facts: (readonly [string, string])[] = [
        ['Service', one.name],
        ['Kind', one.title],
        ['State', stateText(one)],
        ...(one.reason === '' ? [] : ([['Because', one.reason]] as const)),
        ['Data', sizeText(one)],
        ['Host', `${one.host}, for attached apps alone`],
        ...one.attachments.map(each => ['Attached', attachmentText(each)] as const),
        ...(one.from === null ? [] : ([['From', one.from]] as const)),
        ['Created', `${when(one.at)} by ${one.by}`],
      ]
      for (const [title, value] of facts) terminal.print(`${title.padEnd(10)}${value}`)
    },
  )
  return services
}

function making(services: Command, session: Session): void {
  const { terminal } = session
  on(
    addCommand(services, 'create <kind> <name>', {
      summary: 'make a service, and wait until it takes connections',
      more: 'The first of a kind takes about a minute: its image is made of Debian packages. Kinds: postgres.',
      examples: ['lading services create postgres db'],
      isAppless: true,
    }),
    async (options: Common, kind: string, name: string) => {
      const made = await (await session.client()).createService({ kind, name })
      await untilReady(session, made, options)
    },
  )
  on(
    addCommand(services, 'backup <name>', {
      summary: "back a service up to the place of the platform's backups, encrypted, and read it again from there",
      examples: ['lading services backup db'],
      isAppless: true,
    }),
    async (options: Common, name: string) => {
      const backup = await (await session.client()).backUpService(name)
      if (options.json) return terminal.json(backup)
      terminal.print(`${backup.name}  ${bytes(backup.size)}`)
    },
  )
  on(
    addCommand(services, 'backups', {
      summary: 'list the backups of services, oldest first',
      examples: ['lading services backups'],
      isAppless: true,
    }),
    async (options: Common) => {
      const all = await (await session.client()).serviceBackups()
      if (options.json) return terminal.json(all)
      if (all.length === 0) return terminal.say('There is none yet. Make one: lading services backup NAME')
      terminal.table(
        ['SERVICE', 'KIND', 'SIZE', 'BACKUP'],
        all.map(one => [one.service, one.kind, bytes(one.size), one.name]),
      )
    },
  )
  on(
    addCommand(services, 'restore <backup> <name>', {
      summary: 'make a new service from a backup; never over data',
      examples: ['lading services restore service-postgres-db-20261203T054800Z.age db2'],
      isAppless: true,
    }),
    async (options: Common, backup: string, name: string) => {
      const kind = /^service-([a-z]+)-/.exec(backup)?.[1] ?? ''
      await untilReady(session, await (await session.client()).createService({ kind, name, from: backup }), options)
    },
  )
}

function attaching(services: Command, session: Session): void {
  const { terminal } = session
  on(
    addCommand(services, 'attach <name>', {
      summary: 'give an app its own credentials of a service, as a config variable; a release',
      more: 'A rollback takes it back.',
      examples: ['lading services attach db', 'lading services attach db --app shop --as REPORTS_URL'],
    })
      .option('--as <variable>', "the variable's name; without it, the kind's own (DATABASE_URL)")
      .option('-d, --detach', 'do not wait for the outcome'),
    async (options: FollowOptions & { as?: string }, name: string) => {
      const app = await session.app(options.app)
      const answer = await (await session.client()).attachService(app, { service: name, as: options.as })
      await followed(answer, `${app} has ${answer.variable}`, options)
    },
  )
  on(
    addCommand(services, 'detach <name>', {
      summary: 'take a service away from an app; a release, and after it the credentials are revoked',
      examples: ['lading services detach db --app shop'],
    }).option('-d, --detach', 'do not wait for the outcome'),
    async (options: FollowOptions, name: string) => {
      const app = await session.app(options.app)
      const answer = await (await session.client()).detachService(app, name)
      await followed(answer, `${app} has ${answer.variable} no more`, options)
    },
  )
  on(
    addCommand(services, 'url <name>', {
      summary: "print the URL with the app's own credentials, as the app has it",
      examples: ['lading services url db --app shop'],
    }),
    async (options: Common, name: string) => {
      const [app, client] = [await session.app(options.app), await session.client()]
      const own = (await client.service(name)).attachments.find(each => each.app === app && each.wanted)
      const url = own && (await client.config(app)).values[own.variable]
      if (url === undefined) {
        throw new AppError('not-found', `${app} is not attached to ${name}`, {
          hint: `Attach it: lading services attach ${name} --app ${app}`,
        })
      }
      if (options.json) terminal.json({ url })
      else terminal.value(url)
    },
  )

  async function followed(answer: AttachDocument, sentence: string, options: FollowOptions): Promise<void> {
    if (answer.run) return carry(session, answer.run, options)
    if (options.json) terminal.json(answer)
    else terminal.print(`${sentence}, with the next release.`)
  }
}

/** Tells each step as it comes. What fails is tried again by the platform; the caller may leave. */
async function untilReady(session: Session, made: ServiceDocument, options: Common): Promise<void> {
  const { terminal, clock, signal } = session
  const client = await session.client()
  for (let [one, said] = [made, '']; ; one = await client.service(made.name)) {
    if (one.state === 'ready') {
      if (options.json) terminal.json(one)
      else terminal.print(`${one.name} is ready: ${one.title}. Attach an app: lading services attach ${one.name}`)
      return
    }
    if (one.reason !== said && one.reason !== '') terminal.say(`-----> ${one.reason}`)
    said = one.reason
    await clock.sleep(pollMs, signal)
  }
}

function stateText({ state, up, destroyedAt }: ServiceDocument): string {
  if (destroyedAt !== null) return `destroyed ${day(destroyedAt)}`
  if (state === 'creating') return 'being made'
  return up ? 'up' : 'down'
}

function sizeText({ bytes: size }: ServiceDocument): string {
  return size === null ? '' : bytes(size)
}

function users({ attachments }: ServiceDocument): string {
  return attachments.map(({ app, wanted }) => (wanted ? app : `${app} (until its release is gone)`)).join(', ')
}

function attachmentText({ app, variable, user, wanted }: ServiceDocument['attachments'][number]): string {
  return `${app} as ${variable}, user ${user}${wanted ? '' : '; goes when what serves needs it no more'}`
}
