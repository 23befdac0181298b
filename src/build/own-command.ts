import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import type { ContainerConfig } from './registry/image-document.ts'

/**
 * The command of an image behind a shell or a package manager, as `sh -c` runs it; null: the image's own command needs
 * no help. Whole process groups get SIGTERM, and a shell in between (Docker's shell form, npm's own) that it ends takes
 * the app with it: as the command of a process it gets what a line of the Procfile gets (src/rollout/spec.ts). Entry points
 * and small inits keep their place before it.
 */
export function ownCommand({ Entrypoint, Cmd }: ContainerConfig): string | null {
  const [entry, command] = [Entrypoint ?? [], Cmd ?? []]
  const all = [...entry, ...command]
  if (all.reduce((sum, word) => sum + word.length, 0) > defaults.procfileBytes) {
    throw new AppError('build-failed', `the command of the image has more than ${defaults.procfileBytes} characters`, {
      hint: 'Put it into a script of the image.',
    })
  }
  return startedAt(all, afterInit(all)) ?? startedAt(all, entry.length + afterInit(command))
}

/** Where the program stands that an init starts: after `tini -s --`; else 0. */
function afterInit(list: readonly string[]): number {
  if (!/^(?:\/\S*\/)?(?:dumb-init|tini(?:-static)?)$/.test(list[0] ?? '')) return 0
  return Math.max(
    0,
    list.findIndex((word, at) => at > 0 && !word.startsWith('-')),
  )
}

function startedAt(all: readonly string[], at: number): string | null {
  const rest = all.slice(at)
  if (/^(?:\/\S*\/)?(?:npm|npx|pnpm|yarn)$/.test(rest[0] ?? '')) return words(all)
  const script = scriptIn(rest)
  if (script === null) return null
  // `sh -c` is what runs it anyway.
  if (at === 0 && script === 2 && rest.length === 3 && /^(?:\/bin\/)?sh$/.test(rest[0]!)) return rest[2]!
  return words(all.with(at + script, `trap : TERM; ${rest[script]}`))
}

/** Where the text stands of a shell that is given one. Source: Dockerfile reference, "Shell and exec form"; POSIX, "sh". */
function scriptIn(list: readonly string[]): number | null {
  if (!/^(?:\/(?:usr\/)?bin\/)?(?:a|ba|da)?sh$/.test(list[0] ?? '')) return null
  const flag = list.findIndex(word => /^-[a-z]*c$/.test(word))
  const options = list.slice(1, flag)
  const known = flag > 0 && options.every(word => /^-/.test(word) || word === 'pipefail')
  return known && flag + 1 < list.length && !list[flag + 1]!.startsWith('-') ? flag + 1 : null
}

function words(list: readonly string[]): string {
  return list.map(word => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
