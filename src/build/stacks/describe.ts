import { parseImageReference } from '../../core/names.ts'
import type { Source } from '../source.ts'
import { alsoApplies, chooseStack, explain } from './stacks.ts'
import type { Recipe } from './stack.ts'

/** What the files of an app are taken for, and what becomes of them. */
export interface Description {
  readonly stack: string
  readonly method: Recipe['method']
  /** What it is, and why. */
  readonly found: string
  readonly title: string
  readonly notes: readonly string[]
  /** Other stacks that the files would fit. */
  readonly ignored: readonly string[]
  /** Commands by process type; null: the image's own. */
  readonly processes: Readonly<Record<string, string | null>>
  readonly release: string | null
  /** As it would be built as a whole. */
  readonly dockerfile: string
}

const base = parseImageReference(`lading/base@sha256:${'0'.repeat(64)}`)
const node = parseImageReference(`lading/node@sha256:${'0'.repeat(64)}`)

/** Rejects as a push of these files would, but for images: whether they can be had is not asked. */
export async function describe(source: Source, nodeVersion: string): Promise<Description> {
  const platform = { base, node, nodeVersion, policy: { mirrors: {}, outside: () => Promise.resolve(true) } }
  const choice = await chooseStack(source, platform)
  const recipe = await choice.stack.recipe(source, platform)
  const whole = recipe.method === 'assembled' ? recipe.otherwise : recipe
  const processes = source.procfile?.processes ?? []
  return {
    stack: recipe.stack,
    method: recipe.method,
    found: explain(choice),
    title: recipe.title,
    notes: recipe.notes,
    ignored: (await alsoApplies(source, platform, choice)).map(explain),
    processes: Object.fromEntries(
      processes.length > 0
        ? processes.map(({ type, command }) => [type, command])
        : [['web', recipe.start === null ? null : commandText(recipe.start)]],
    ),
    release: source.procfile?.releaseCommand ?? null,
    dockerfile: withPublicNames(whole.dockerfile, nodeVersion),
  }
}

/** Names in place of the platform's images: they mean the same on it, and exist elsewhere. */
function withPublicNames(dockerfile: string, nodeVersion: string): string {
  const onNode = dockerfile.lastIndexOf('FROM ') === dockerfile.lastIndexOf(`FROM ${node}`)
  return dockerfile
    .replaceAll(base, 'debian:trixie-slim')
    .replaceAll(node, `node:${nodeVersion.split('.')[0]}-slim`)
    .replace(/^USER app$/m, onNode ? 'USER node' : 'USER app')
}

function commandText(command: readonly string[]): string {
  return /sh$/.test(command[0] ?? '') && command[1] === '-c' ? command.slice(2).join(' ') : command.join(' ')
}
