import type { ContainerConfig } from './image-document.ts'

/**
 * The command of an image behind a shell or a package manager, as `sh -c` runs it; null: the image's own command needs
 * no help. Whole process groups get SIGTERM, and a shell in between (Docker's shell form, npm's own) that it ends takes
 * the app with it: as the command of a process it gets what a line of the Procfile gets (src/run/spec.ts).
 */
export function ownCommand({ Entrypoint, Cmd }: ContainerConfig): string | null {
  const [entry, command] = [Entrypoint ?? [], Cmd ?? []]
  // To an entry point in shell form the rest are parameters that its script does not read.
  const whole = scriptOf(entry) ?? (entry.length === 0 ? scriptOf(command) : null)
  if (whole !== null) return whole
  const script = scriptOf(command)
  if (script !== null) return words([...entry, '/bin/sh', '-c', `trap : TERM\n${script}`])
  return /^(npm|pnpm|yarn)$/.test(command[0] ?? '') ? words([...entry, ...command]) : null
}

/** Source: Dockerfile reference, "Shell and exec form". */
function scriptOf([shell, flag, script, ...rest]: readonly string[]): string | null {
  return shell === '/bin/sh' && flag === '-c' && rest.length === 0 ? (script ?? null) : null
}

function words(list: readonly string[]): string {
  return list.map(word => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
