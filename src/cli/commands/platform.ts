import type { Command } from 'commander'
import packageJson from '../../../package.json' with { type: 'json' }
import { defaults } from '../../core/defaults.ts'
import { AppError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { serverCommands, serverHelp, type ServerCommandName } from '../../core/server-commands.ts'
import type { VersionDocument } from '../../api/documents.ts'
import type { KeeperVersion } from '../../api/parts.ts'
import { Client } from '../connection/client.ts'
import { addCommand, type Common, on } from '../command.ts'
import { credential } from '../connection/credential.ts'
import { pinnedCa } from '../connection/pin.ts'
import { keep, originOf, readIfAllowed, refuseClearText } from '../connection/places.ts'
import type { Session } from '../session.ts'
import { when, whatIs } from '../format.ts'

export function platformCommands(program: Command, session: Session): void {
  const { terminal } = session

  on(
    addCommand(program, 'status', {
      summary: 'is the platform there, and what is under way',
      examples: ['lading status'],
      isAppless: true,
    }),
    async (options: Common) => {
      const client = await session.client()
      const [info, apps] = await Promise.all([client.info(), client.apps()])
      // Asked for by others it would be refused, and stand in the record of who did what.
      const warnings = info.operates === false ? [] : (await certificatesOf(client)).warnings
      const environments = apps.flatMap(app => app.environments)
      const running = environments.flatMap(environment => environment.running)
      const serving = environments.filter(environment => environment.serving).length
      if (options.json) return terminal.json({ ...info, apps: apps.length, serving, running, warnings })
      terminal.print(`Lading ${info.version} at ${info.url}, and you are ${info.you}`)
      terminal.print(`${apps.length} apps, ${serving} of them serving`)
      for (const run of running)
        terminal.print(`  ${run.app}: ${whatIs(run)} is ${run.state} since ${when(run.changedAt)} (${run.id})`)
      for (const warning of warnings) terminal.print(`!  ${warning}`)
    },
  )

  on(
    addCommand(program, 'clean', {
      summary: 'remove the images that no release needs any more; the platform does it by itself every hour',
      more: `Kept are the images of what runs and, of each app, of the last ${defaults.imagesKept} that were live: as far as a rollback goes back.`,
      examples: ['lading clean'],
      isAppless: true,
    }),
    async (options: Common) => {
      const cleaned = await (await session.client()).clean()
      if (options.json) return terminal.json(cleaned)
      const { fromRegistry, fromEngine } = cleaned
      terminal.print(`${fromRegistry} images removed from the registry, ${fromEngine} from the server's engine`)
    },
  )

  on(
    addCommand(program, 'login <url>', {
      summary: 'keep the token for a platform on this machine (0600); it is read from stdin',
      more: 'The platform\'s certificate is of its own CA. Its fingerprint, which "lading up" shows, is asked for once and pinned; git is set up to trust the CA too, for this platform alone.',
      examples: [
        'ssh root@lading.example.com cat /etc/lading/token | lading login https://lading.example.com --fingerprint AB:CD:…',
        'lading login https://lading.example.com --ca ca.pem < token',
      ],
      isAppless: true,
    })
      .option('--fingerprint <sha256>', 'of the platform\'s own CA, as "lading up" shows it; asked at a terminal')
      .option('--ca <file>', "the platform's own CA (PEM); without it, that of LADING_CA"),
    async (options: Common & { ca?: string; fingerprint?: string }, text: string) => {
      const url = originOf(text, 'this')
      refuseClearText(url)
      const caFile = options.ca ?? session.config.caFile
      const read = caFile === null ? null : await readIfAllowed(caFile)
      if (caFile !== null && read === null) throw new AppError('invalid-input', `${caFile} cannot be read`)
      const isPinned = url.startsWith('https:') && (read === null || options.fingerprint !== undefined)
      const given = isPinned ? await pinnedCa(session, url, options.fingerprint ?? null) : read
      const token = new Secret(await tokenFrom(session))
      const info = await new Client({ kind: 'url', url, token, ca: given }, session.signal).info()
      const kept = await keep(session.config, url, { token, ca: info.ca ?? given })
      if (kept !== null && url.startsWith('https:')) await session.git.setGlobal(`http.${url}.sslCAInfo`, kept)
      if (options.json) terminal.json({ url, you: info.you })
      else terminal.print(`You are ${info.you} at ${url}.`)
    },
  )

  on(
    addCommand(program, 'version', {
      summary: 'the versions of this program, of the platform, and of what runs on its nodes',
      more: 'In brackets the build: two of one version differ by it. Without a platform, this program alone.',
      examples: ['lading version', 'lading version --json'],
      isAppless: true,
    }),
    async (options: Common) => {
      const client = { version: packageJson.version, node: process.version }
      // Said first: it is known also where the platform does not answer.
      if (!options.json) terminal.print(`client   ${client.version}`)
      const server = (await session.hasPlatform()) ? await versionOf(await session.client()) : null
      if (options.json) return terminal.json({ client, server })
      if (server === null) return terminal.say('No platform is known here: lading login URL')
      terminal.print(`server   ${server.version} (${server.build})`)
      for (const { node, keeper } of server.nodes)
        terminal.print(`keeper   ${keeper === null ? silent : keeperText(keeper)}, on ${node}`)
      for (const { node, engine } of server.nodes)
        terminal.print(`engine   ${engine === null ? silent : `Docker ${engine}`}, on ${node}`)
    },
  )

  program
    .command('credential <operation>')
    .description("git's credential helper; git calls it")
    .addHelpText(
      'after',
      '\nExample:\n  $ printf "protocol=https\\nhost=lading.example.com\\n\\n" | lading credential get',
    )
    .action((operation: string) => credential(session, operation))

  for (const name of Object.keys(serverCommands) as ServerCommandName[]) {
    const command = program
      .command(name)
      .argument('[arguments...]')
      .description(serverCommands[name].summary)
      .allowUnknownOption()
      .action(async () => {
        process.exitCode = await install([name, ...command.args])
      })
    // Its options are parsed where it runs; here only their page is shown.
    command.helpInformation = () => serverHelp(name)
  }
}

/** Of certificates operators are warned; to others they are none of their business. */
async function certificatesOf(client: Client): Promise<{ readonly warnings: readonly string[] }> {
  try {
    return await client.certificates()
  } catch (error) {
    if (error instanceof AppError && error.code === 'not-allowed') return { warnings: [] }
    throw error
  }
}

/** A control plane from before there was such a call says its own version only. */
async function versionOf(client: Client): Promise<VersionDocument> {
  try {
    return await client.version()
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'not-found')) throw error
    return { version: (await client.info()).version, build: 'older', nodes: [] }
  }
}

const silent = 'does not answer'

function keeperText({ version, build, generation }: KeeperVersion): string {
  return `${version} (${build}), generation ${generation}`
}

/** The fourth root, where there is one: by its address, so that the command line's bundle does not hold it. */
async function install(args: readonly string[]): Promise<number> {
  const isCheckout = import.meta.url.endsWith('/src/cli/commands/platform.ts')
  if (!isCheckout) {
    throw new AppError('invalid-input', `"lading ${args[0]}" runs on the server, from a checkout of Lading`, {
      hint: 'git clone it there and run ./lading up as root.',
    })
  }
  const address = new URL('../../install/main.ts', import.meta.url).href
  const { main } = (await import(address)) as { main: (args: readonly string[]) => Promise<number> }
  return main(args)
}

async function tokenFrom({ stdin, terminal }: Session): Promise<string> {
  if (stdin.isTTY) terminal.say('Paste the token, then Enter and ctrl-D:')
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  const token = Buffer.concat(chunks).toString('utf8').trim()
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new AppError('invalid-input', 'no token came by stdin')
}
