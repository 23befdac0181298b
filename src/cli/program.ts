import { Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { appCommands } from './commands/apps.ts'
import { configCommands } from './commands/config.ts'
import { deployCommands } from './commands/deploy.ts'
import { checkCommands } from './commands/check.ts'
import { detectCommands } from './commands/detect.ts'
import { ejectCommands } from './commands/eject.ts'
import { certificateCommands } from './commands/certificates.ts'
import { domainCommands } from './commands/domains.ts'
import { eventCommands } from './commands/events.ts'
import { limitCommands } from './commands/limits.ts'
import { machineCommands } from './commands/machine.ts'
import { memberCommands } from './commands/members.ts'
import { platformCommands } from './commands/platform.ts'
import { processCommands } from './commands/processes.ts'
import { releaseCommands } from './commands/releases.ts'
import { runCommands } from './commands/runs.ts'
import { serviceCommands } from './commands/services.ts'
import { tokenCommands } from './commands/tokens.ts'
import type { Session } from './session.ts'

/** All commands. Commander's own errors are thrown, never printed: main.ts tells every error in one way. */
export function createProgram(session: Session): Command {
  const program = new Command('lading')
    .description('One commit, one container, one deploy, on your own cluster.')
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ outputError: () => undefined, writeOut: text => session.terminal.print(text.trimEnd()) })
    .addHelpText('after', '\nExample:\n  $ cd shop && lading create shop && git push lading main')
  for (const add of [
    appCommands,
    deployCommands,
    detectCommands,
    checkCommands,
    releaseCommands,
    configCommands,
    processCommands,
    domainCommands,
    serviceCommands,
    certificateCommands,
    runCommands,
    ejectCommands,
    limitCommands,
    tokenCommands,
    memberCommands,
    eventCommands,
    machineCommands,
    platformCommands,
  ])
    add(program, session)
  return program
}
