import { resolve } from 'node:path'
import type { Command } from 'commander'
import { AppError } from '../../core/errors.ts'
import { parseAppName } from '../../core/names.ts'
import type { Client } from '../connection/client.ts'
import { addCommand, type Common, on } from '../command.ts'
import { composeFile, configFile, overrideName } from '../eject/compose.ts'
import { NewFolder } from '../eject/folder.ts'
import { readme } from '../eject/readme.ts'
import type { Session } from '../session.ts'

interface Options extends Common {
  readonly to?: string
}

export function ejectCommands(program: Command, session: Session): void {
  on(
    addCommand(program, 'eject [name]', {
      summary: 'write an app into a folder from which it runs without Lading',
      more: 'The folder gets the image, a compose file, the config (0600), the git repository and a README with the commands that\nrun it. Nothing of the app changes: it goes on serving until "lading destroy".',
      examples: ['lading eject shop', 'lading eject shop --to /srv/shop'],
    }).option('--to <folder>', 'a new folder, or an empty one; without it, NAME-ejected here'),
    async (options: Options, name?: string) => {
      const app = await session.app(name === undefined ? options.app : parseAppName(name))
      const folder = await NewFolder.begin(resolve(options.to ?? `${app}-ejected`))
      try {
        const { release } = await write(session, app, folder)
        if (options.json) return session.terminal.json({ app, release, folder: folder.path })
        session.terminal.print(`${app} v${release} is in ${folder.path}. How it runs there: README.md`)
      } catch (error) {
        await folder.drop()
        throw error
      }
    },
  )
}

async function write(session: Session, app: string, folder: NewFolder) {
  const { terminal, signal } = session
  const api = await session.client()
  const document = await api.eject(app)
  const image = await api.image(app, document.release)
  terminal.say(`Image of v${document.release}, ${((image.bytes ?? 0) / 1e6).toFixed(1)} MB …`)
  await folder.stream('image.tar', image.chunks, signal)
  terminal.say('Repository …')
  const hasRepository = await repository(api, app, folder, signal)
  await folder.write('compose.yaml', composeFile(document))
  await folder.write(overrideName, configFile(document), 0o600)
  await folder.write('README.md', readme(document, { hasRepository }))
  await folder.finish()
  return document
}

/** False: nothing was ever pushed, which a restored app may have behind it. */
async function repository(api: Client, app: string, folder: NewFolder, signal: AbortSignal): Promise<boolean> {
  try {
    await folder.stream('repository.bundle', (await api.repository(app)).chunks, signal)
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'not-found') return false
    throw error
  }
}
