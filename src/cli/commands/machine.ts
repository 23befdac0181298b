import { Argument, type Command } from 'commander'
import { AppError } from '../../core/errors.ts'
import { addCommand, type Common, on } from '../command.ts'
import { completionScript, type Shell, shells } from '../completion.ts'
import { forget, knownPlatforms, originOf } from '../connection/places.ts'
import type { Session } from '../session.ts'

/** What is about this machine, and asks no platform. */
export function machineCommands(program: Command, session: Session): void {
  const { terminal, config } = session

  on(
    addCommand(program, 'logout [url]', {
      summary: 'forget the token for a platform on this machine',
      more: 'The token itself holds until it is taken back: lading tokens revoke ID',
      examples: ['lading logout', 'lading logout https://lading.example.com'],
      isAppless: true,
    }),
    async (options: Common, text: string | undefined) => {
      const named = text ?? config.url
      const url = named === null ? await theOnly(session) : originOf(named, 'this')
      const had = await forget(config, url)
      await session.git.unsetGlobal(`http.${url}.sslCAInfo`)
      if (options.json) return terminal.json({ url, hadToken: had })
      terminal.print(had ? `The token for ${url} is gone from this machine.` : `There was no token for ${url} here.`)
    },
  )

  const completion = addCommand(program, 'completion', {
    summary: 'what the shell completes after "lading" and TAB, as a script for it',
    more: 'It knows the commands of this version: after an upgrade, write it again.',
    examples: [
      'lading completion bash > ~/.local/share/bash-completion/completions/lading',
      'lading completion zsh >> ~/.zshrc',
      'lading completion fish > ~/.config/fish/completions/lading.fish',
    ],
    isAppless: true,
  }).addArgument(new Argument('<shell>').choices(shells))
  on(completion, async (options: Common, shell: Shell) => {
    const script = completionScript(program, shell)
    if (options.json) terminal.json({ for: shell, script })
    else terminal.print(script.trimEnd())
    return Promise.resolve()
  })
}

async function theOnly({ config }: Session): Promise<string> {
  const known = await knownPlatforms(config)
  if (known[0] !== undefined && known.length === 1) return known[0]
  throw new AppError('invalid-input', 'which platform?', {
    hint: known.length === 0 ? 'This machine is logged in nowhere.' : `Name one of: ${known.join(', ')}`,
  })
}
