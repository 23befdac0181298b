import { shortened } from '../../../core/bounds.ts'
import type { Package } from './package.ts'
import { startScript } from './start.ts'

/** Programs whose package has another name. */
const packages: Readonly<Record<string, string>> = {
  'babel-node': '@babel/node',
  nest: '@nestjs/cli',
  ng: '@angular/cli',
  tsc: 'typescript',
}

/**
 * The development dependency that what runs calls (`nodemon app.js`, `ts-node src/index.ts`): without it the app would not
 * start. Null: it calls none. `npm run build` counts, for what builds is there in development alone.
 */
export function calledDevelopment(pkg: Package, commands: readonly string[]): string | null {
  const words = commands.flatMap(command => command.split(/[\s;&|()]+/)).map(word => word.replace(/^.*\/\.bin\//, ''))
  const names = words.map(word => (Object.hasOwn(packages, word) ? packages[word]! : word))
  const known = { ...pkg.dependencies, ...pkg.optionalDependencies }
  const development = Object.keys(pkg.devDependencies ?? {}).filter(name => !Object.hasOwn(known, name))
  const called = names.find(name => development.includes(name))
  if (called !== undefined) return called
  const builds = commands.some(command =>
    /(?:^|[\s;&|(])(?:npm run|yarn(?: run)?|pnpm(?: run)?) build(?:\s|$)/.test(command),
  )
  return builds && development.length > 0 ? 'its script "build"' : null
}

/** Lines of the Procfile, or `start`; a script counts where it is called. */
export function commandsThatRun(
  pkg: Package,
  commands: readonly string[],
  start: readonly string[] | null,
): readonly string[] {
  const callsStart = commands.some(command =>
    /(?:^|[\s;&|(])(?:npm|yarn|pnpm|bun)(?: run)? start(?::prod)?(?:\s|$)/.test(command),
  )
  const name = start !== null || callsStart ? startScript(pkg) : null
  const texts = [name && pkg.scripts?.prestart, name && pkg.scripts?.[name], start?.join(' ')]
  return [...texts.filter(text => typeof text === 'string'), ...commands]
}

/** Package managers besides npm, for which the image has to have them. */
export function calledPrograms(pkg: Package, commands: readonly string[]): readonly ('pnpm' | 'yarn' | 'bun')[] {
  const start = startScript(pkg)
  const text = [pkg.scripts?.prestart, start && pkg.scripts?.[start], ...commands].join('\n')
  return (['pnpm', 'yarn', 'bun'] as const).filter(name => new RegExp(`(?:^|[\\s;&|(])${name}x?\\s`, 'm').test(text))
}

/** As a reason why an app is built as a whole; null: nothing is called. */
export function calls(programs: readonly string[]): string | null {
  return programs.length === 0 ? null : `what it runs calls ${programs.join(' and ')}`
}

/** What the pusher is told when development dependencies stay. */
export function staying(development: string | null): readonly string[] {
  if (development === null) return []
  return [
    `development dependencies stay in the image, because what it runs calls ${shortened(development)}: a "start" such as "node app.js" needs none`,
  ]
}
