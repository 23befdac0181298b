import type { Command } from 'commander'

/** The shells that completions are made for. */
export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

interface Level {
  /** `config get`; empty: the program itself. */
  readonly path: string
  readonly below: readonly Command[]
  readonly options: readonly string[]
}

/** A script that the shell reads at its start. It asks no one: it knows what this program knew when it wrote it. */
export function completionScript(program: Command, shell: Shell): string {
  const levels = levelsOf(program, '')
  if (shell === 'fish') return fish(levels)
  const bash = bashFunction(levels)
  // zsh has bash's completions built in (zshcompsys(1), bashcompinit).
  return shell === 'bash' ? bash : `autoload -Uz compinit bashcompinit && compinit && bashcompinit\n${bash}`
}

function levelsOf(command: Command, path: string): Level[] {
  const options = command.options.filter(({ hidden }) => !hidden).map(({ long, short }) => long ?? short ?? '')
  const own = { path, below: command.commands, options: [...options, '--help'] }
  const deeper = command.commands.flatMap(below => levelsOf(below, `${path} ${below.name()}`.trim()))
  return [own, ...deeper]
}

/** The longest path that the words before the cursor begin with says what may follow. */
function bashFunction(levels: readonly Level[]): string {
  const cases = levels
    .toSorted((a, b) => depthOf(b) - depthOf(a))
    .map(({ path, below, options }) => {
      const words = [...below.map(command => command.name()), ...options].join(' ')
      return `    ${path === '' ? '*' : `'${path} '*`}) words='${words}' ;;`
    })
  return `_lading() {
  local path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="$path$word " ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _lading lading
`
}

function depthOf({ path }: Level): number {
  return path === '' ? 0 : path.split(' ').length
}

function fish(levels: readonly Level[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = levels.flatMap(({ path, below, options }) => {
    const seen = path.split(' ').map(word => `__fish_seen_subcommand_from ${word}`)
    const condition = path === '' ? '__fish_use_subcommand' : seen.join('; and ')
    const start = `complete -c lading -f -n ${quoted(condition)}`
    return [
      ...below.map(command => `${start} -a ${command.name()} -d ${quoted(command.description())}`),
      ...options.map(option => `${start} -l ${option.replace(/^--/, '')}`),
    ]
  })
  return `${lines.join('\n')}\n`
}
