import { spawn } from 'node:child_process'
import type { Command } from 'commander'
import { AppError } from '../../core/errors.ts'
import type { AppDocument } from '../../api/documents.ts'
import { parseAppName } from '../../core/names.ts'
import { addCommand, type Common, on } from '../command.ts'
import { connectFolder } from '../folder.ts'
import type { Session } from '../session.ts'
import { formation, short, when } from '../format.ts'

const goneRetryMs = 1_000

export function appCommands(program: Command, session: Session): void {
  const { terminal } = session

  on(
    addCommand(program, 'create <name>', {
      summary: 'make an app, and the git remote "lading" in this folder',
      examples: ['cd shop && lading create shop', 'git push lading main'],
      isAppless: true,
    }).option('--no-remote', 'leave the git repository of this folder alone'),
    async (options: Common & { remote: boolean }, name: string) => {
      const client = await session.client()
      const app = await client.create(name)
      const connected = options.remote ? await connectFolder(session, app) : null
      if (options.json) return terminal.json({ ...app, remote: connected })
      terminal.print(`${app.app} answers at ${app.url} after the first push.`)
      if (connected) return terminal.print(`Deploy it: git push ${connected} main`)
      terminal.print(`Its repository: ${app.gitUrl}`)
      if (options.remote) terminal.say(`This folder is no git repository. When it is: lading connect ${app.app}`)
    },
  )

  on(
    addCommand(program, 'connect <name>', {
      summary: 'make the git remote "lading" in this folder for an app that exists',
      more: 'It may be run again: what "lading create" has left undone when it was stopped, it does.',
      examples: ['git clone https://git.example.com/shop && cd shop && lading connect shop', 'git push lading main'],
      isAppless: true,
    }),
    async (options: Common, name: string) => {
      const app = await (await session.client()).app(parseAppName(name))
      const remote = await connectFolder(session, app)
      if (remote === null) {
        throw new AppError('invalid-input', 'this folder is no git repository', {
          hint: `Make one: git init --initial-branch=main && lading connect ${app.app}`,
        })
      }
      if (options.json) terminal.json({ ...app, remote })
      else terminal.print(`This folder is connected to ${app.app}. Deploy it: git push ${remote} main`)
    },
  )

  on(
    addCommand(program, 'apps', { summary: 'list all apps', examples: ['lading apps'], isAppless: true }),
    async (options: Common) => {
      const apps = await (await session.client()).apps()
      if (options.json) return terminal.json(apps)
      if (apps.length === 0) return terminal.say('There is no app yet. Make one: lading create NAME')
      terminal.table(
        ['APP', 'SERVING', 'FORMATION', 'URL'],
        apps.map(app => [app.app, servingText(app), formation(serving(app)?.formation ?? {}), app.url]),
      )
    },
  )

  on(
    addCommand(program, 'info', { summary: 'what an app is and what of it serves', examples: ['lading info'] }),
    async (options: Common) => {
      const app = await (await session.client()).app(await session.app(options.app))
      if (options.json) return terminal.json(app)
      const release = serving(app)
      const facts: (readonly [string, string])[] = [
        ['App', app.app],
        ['URL', app.url],
        ['Git', app.gitUrl],
        ['Branch', app.environments[0]?.branch ?? ''],
        ['Serving', servingText(app)],
        ...(release ? ([['Formation', formation(release.formation) || 'web=1']] as const) : []),
        ...(release ? ([['Config', `version ${release.config}`]] as const) : []),
        ['Reaches', reach(app.privateNetworks)],
        ['Created', `${when(app.createdAt)} by ${app.createdBy}`],
      ]
      for (const [name, value] of facts) terminal.print(`${name.padEnd(10)}${value}`)
    },
  )

  on(
    addCommand(program, 'open', { summary: 'open the app in the browser', examples: ['lading open'] }),
    async (options: Common) => {
      const { app, url } = await (await session.client()).app(await session.app(options.app))
      if (options.json) return terminal.json({ app, url })
      terminal.print(url)
      await openInBrowser(url)
    },
  )

  on(
    addCommand(program, 'destroy', {
      summary: 'remove an app for good: processes, releases, config, repository',
      examples: ['lading destroy', 'lading destroy --app shop --confirm shop'],
    }).option('--confirm <name>', "the app's name, typed out; asked for without it"),
    async (options: Common & { confirm?: string }) => {
      const app = await session.app(options.app)
      const typed = options.confirm ?? (await session.typedName(`Type ${app} to destroy it for good: `))
      if (typed !== app) throw new AppError('invalid-input', `${app} was not destroyed: its name was not typed`)
      const client = await session.client()
      terminal.say(`Destroying ${app}: traffic stops, open requests end …`)
      const { destroyed } = await client.destroy(app)
      if (!destroyed) await untilGone(session, app)
      if (options.json) terminal.json({ app, destroyed: true })
      else terminal.print(`${app} is destroyed.`)
    },
  )
}

function serving(app: AppDocument) {
  return app.environments[0]?.serving ?? null
}

function servingText(app: AppDocument): string {
  if (app.beingDestroyed) return 'being destroyed'
  const release = serving(app)
  return release
    ? `${release.release} ${release.description}${ofCommit(release.commit, release.description)}`
    : 'nothing yet'
}

function ofCommit(commit: string | null, description: string): string {
  return commit === null || description.includes(short(commit)) ? '' : ` (${short(commit)})`
}

async function untilGone(session: Session, app: string): Promise<void> {
  const client = await session.client()
  for (;;) {
    try {
      await client.app(app)
    } catch (error) {
      if (error instanceof AppError && error.code === 'not-found') return
      throw error
    }
    await session.clock.sleep(goneRetryMs, session.signal)
  }
}

/** Where there is no browser the address was printed, and that is all one can do. */
function openInBrowser(url: string): Promise<void> {
  const opener = process.platform === 'darwin' ? 'open' : 'xdg-open'
  return new Promise(resolve => {
    const child = spawn(opener, [url], { stdio: 'ignore', detached: true })
    child.on('error', () => resolve())
    child.on('spawn', () => {
      child.unref()
      resolve()
    })
  })
}

/** Of an older control plane nothing is known. */
function reach(privateNetworks: string | undefined): string {
  const policy = privateNetworks === undefined ? '' : `; private networks: ${privateNetworks}`
  return `the internet, and what it was given${policy}`
}
