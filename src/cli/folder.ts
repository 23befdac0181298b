import { fileURLToPath } from 'node:url'
import { AppError } from '../core/errors.ts'
import type { AppDocument } from '../api/documents.ts'
import type { Git } from './git.ts'
import { keep } from './connection/places.ts'
import { remoteName, type Session } from './session.ts'

/**
 * Makes `git push lading main` work in this folder: the remote, our credential helper (so that the token stands in no
 * URL and no argument), and the platform's own CA where its certificate needs it. What a killed call left is completed.
 * Returns the remote's name, or null where there is no git repository; rejects `conflict` when the remote leads elsewhere.
 */
export async function connectFolder(session: Session, app: AppDocument): Promise<string | null> {
  const { git, terminal, config } = session
  if ((await git.topLevel()) === null) return null
  const present = await git.remoteUrl(remoteName)
  if (present !== null && present !== app.gitUrl) {
    throw new AppError('conflict', `${app.app} is there, but this folder's remote "${remoteName}" is ${present}`, {
      hint: `Change it yourself if that is what you want: git remote set-url ${remoteName} ${app.gitUrl}`,
    })
  }
  if (present === null) await git.addRemote(remoteName, app.gitUrl)
  const { origin } = new URL(app.gitUrl)
  // The empty value first: helpers of the user's own would keep the token.
  await git.setLocal(`credential.${origin}.helper`, '', `!${programInShell()} credential`)
  await git.setLocal(`credential.${origin}.username`, 'lading')
  const client = await session.client()
  const ca = (await client.info()).ca ?? (client.place.kind === 'url' ? client.place.ca : null)
  if (client.place.kind === 'socket') await staysHere(git, new URL(origin))
  const caFile = origin.startsWith('https:') ? await keep(config, origin, { ca }) : null
  if (caFile !== null) await git.setLocal(`http.${origin}.sslCAInfo`, caFile)
  if (caFile !== null && config.gitCaFile !== null) {
    // Git asks the environment first, and nothing that we could set comes before it (git-config, http.sslCAInfo).
    terminal.say(
      `GIT_SSL_CAINFO is set and hides the platform's CA from git. Push with: GIT_SSL_CAINFO=${caFile} git push`,
    )
  }
  return remoteName
}

/** The platform is this very machine's: neither a proxy of the environment nor a name server has to lead to it. */
async function staysHere(git: Git, { origin, hostname, port, protocol }: URL): Promise<void> {
  await git.setLocal(`http.${origin}.proxy`, '')
  const where = port || (protocol === 'https:' ? '443' : '80')
  await git.setLocal(`http.${origin}.curloptResolve`, `${hostname}:${where}:127.0.0.1`)
}

/** How git, which runs its helpers by a shell, starts this very program. */
function programInShell(): string {
  const isCheckout = import.meta.url.endsWith('/src/cli/folder.ts')
  const words = isCheckout
    ? [fileURLToPath(new URL('../../lading', import.meta.url))]
    : [process.execPath, process.argv[1] ?? '']
  return words.map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
}
