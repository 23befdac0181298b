import type { Command } from 'commander'
import { systemClock } from '../core/system.ts'
import { readConfig } from './config.ts'
import { exitCodes } from './exit-codes.ts'
import { createProgram } from './program.ts'
import { Session } from './session.ts'
import { Terminal } from './terminal.ts'

/**
 * docs/reference/cli.md, made from the program itself; a test compares the two.
 * Written anew by: npm run -s node src/cli/reference.ts > docs/reference/cli.md
 */
export function reference(): string {
  const program = createProgram(idleSession())
  return [
    '# The command line\n',
    '*Made from the program by `src/cli/reference.ts`; change it there.*\n',
    'Results go to stdout, progress and errors to stderr, so `--json` can be piped while somebody watches. Colours only on a',
    'terminal, and not with `NO_COLOR`. An error is one line, what helps to understand it, and the next step.\n',
    '## Where it connects',
    'In this order: `LADING_URL`; the platform of the git remote `lading` of the folder, when there is a token for it; on the',
    "server root's socket, which needs no token; the one platform that this machine has logged in to.\n",
    '| variable | meaning |\n|---|---|',
    ...variables.map(([name, meaning]) => `| \`${name}\` | ${meaning} |`),
    '\nTokens and CAs of platforms lie in `~/.config/lading` (0600), one file each; a token is shown to its own platform only.',
    'The app is that of `--app`, else of `LADING_APP`, else of the git remote `lading` of the folder.\n',
    '## Exit codes\n| code | meaning |\n|---|---|',
    ...Object.values(exitCodes).map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '\n## Commands',
    ...program.commands.flatMap(command => sections(command, 'lading')),
  ].join('\n')
}

const variables = [
  ['LADING_URL', 'where the platform is: `https://lading.example.com`'],
  ['LADING_TOKEN', 'the token for the platform that `LADING_URL` names'],
  ['LADING_CA', "file (PEM) of the CA that signed the platform's certificate"],
  ['LADING_APP', 'the app, where none is named'],
  ['LADING_SOCKET', "root's door on the server: `/run/lading/control.sock`"],
  ['LADING_ETC', 'what `lading up` wrote on the server: `/etc/lading`'],
  ['VISUAL`, `EDITOR', 'what `lading config edit` opens; `vi` without them'],
  ['NO_COLOR', 'no colours'],
] as const

function sections(command: Command, above: string): string[] {
  const name = `${above} ${command.name()}`
  let help = ''
  command.configureOutput({ writeOut: text => (help += text) }).configureHelp({ helpWidth: 100 })
  command.outputHelp()
  return [`### ${name}`, '```', help.trimEnd(), '```\n', ...command.commands.flatMap(below => sections(below, name))]
}

function idleSession(): Session {
  const nowhere = { write: () => undefined }
  return new Session({
    config: readConfig({}),
    terminal: new Terminal({ out: nowhere, err: nowhere, hasColor: false }),
    folder: '.',
    clock: systemClock,
    signal: new AbortController().signal,
    stdin: process.stdin,
  })
}

if (import.meta.main) process.stdout.write(`${reference()}`)
