import { AppError } from '../core/errors.ts'
import type { ImageReference } from '../core/names.ts'
import { chooseBases, type Base, type BasePolicy } from './stacks/bases.ts'
import { readDockerfile } from './stacks/dockerfile/read-dockerfile.ts'
import { dependenciesDockerfile, nodeDockerfile, nodeDockerignore } from './stacks/node/dockerfile.ts'
import { planNode, type Install, type NodePlan } from './stacks/node/package.ts'
import type { Source } from './source.ts'

/** How a commit becomes an image. */
export type Recipe = ByDockerfile | Assembled

export interface ByDockerfile {
  readonly how: 'dockerfile' | 'node-built'
  readonly title: string
  readonly dockerfile: string
  readonly dockerignore: string | null
  readonly bases: readonly Base[]
  readonly notes: readonly string[]
}

export interface Assembled {
  readonly how: 'node-assembled'
  readonly title: string
  readonly bases: readonly Base[]
  /** Null: there are no dependencies, the code stands on the base. */
  readonly dependencies: { readonly install: Install; readonly dockerfile: string } | null
  readonly start: readonly string[] | null
  /** The way it is built when its dependencies cannot be installed by themselves. */
  readonly otherwise: ByDockerfile
  readonly notes: readonly string[]
}

export interface RecipeOptions {
  readonly node: ImageReference
  /** Version of Node in that image. */
  readonly nodeVersion: string
  readonly policy: BasePolicy
}

/**
 * The repository's Dockerfile, else the Node stack. Rejects with what is missing or not to be had. `paths` is asked for
 * only where it decides.
 */
export async function chooseRecipe(
  source: Source,
  paths: () => Promise<ReadonlySet<string>>,
  options: RecipeOptions,
): Promise<Recipe> {
  if (source.dockerfile && source.yaml.stack !== 'node') return byDockerfile(source, source.dockerfile, options.policy)
  if (source.packageJson !== null) return byNode(source, source.packageJson, await paths(), options)
  throw new AppError('build-failed', 'there is neither a Dockerfile nor a package.json in the repository', {
    hint: 'Add a Dockerfile, or a package.json for a Node app, to its root.',
  })
}

async function byDockerfile(
  { app }: Source,
  file: NonNullable<Source['dockerfile']>,
  policy: BasePolicy,
): Promise<ByDockerfile> {
  const { images, text } = readDockerfile(file.text)
  const bases = await chooseBases(images, policy, app)
  return {
    how: 'dockerfile',
    title: `Building with ${file.path}`,
    dockerfile: text,
    dockerignore: file.ignore,
    bases,
    notes: bases
      .filter(base => base.instead !== null)
      .map(base => `${base.name} is ${nameOf(base.instead!)} of this platform: no public registry answers`),
  }
}

function byNode(source: Source, packageJson: string, paths: ReadonlySet<string>, options: RecipeOptions): Recipe {
  const processes = source.procfile?.processes ?? []
  const plan = planNode({
    packageJson,
    yarnLock: source.yarnLock,
    paths,
    startIsSaid: processes.length > 0,
    commands: [...processes.map(({ command }) => command), source.procfile?.releaseCommand].filter(
      command => typeof command === 'string',
    ),
    nodeVersion: options.nodeVersion,
  })
  const built: ByDockerfile = {
    how: 'node-built',
    title: `Building a Node ${options.nodeVersion} app${plan.install ? ` with ${plan.install.program}` : ''}`,
    // What is to be assembled is built only after its install failed alone.
    dockerfile: nodeDockerfile(plan.notAssembled === null ? { ...plan, installsAlone: false } : plan, options.node),
    dockerignore: nodeDockerignore,
    bases: [{ name: options.node, instead: null }],
    notes: [...plan.warnings.map(warning => `Warning: ${warning}`), ...whyBuilt(plan)],
  }
  return plan.notAssembled === null ? assembled(plan, built, options) : built
}

function assembled(plan: NodePlan, otherwise: ByDockerfile, options: RecipeOptions): Assembled {
  const { install, start } = plan
  return {
    how: 'node-assembled',
    title: `Assembling a Node ${options.nodeVersion} app from layers`,
    bases: otherwise.bases,
    dependencies: install && { install, dockerfile: dependenciesDockerfile(install, options.node) },
    start,
    otherwise,
    notes: otherwise.notes,
  }
}

function whyBuilt(plan: NodePlan): readonly string[] {
  return plan.notAssembled === null ? [] : [`Built as a whole, because ${plan.notAssembled}`]
}

function nameOf(reference: ImageReference): string {
  return reference.replace(/^[^/]*\//, '').replace(/@.*/, '')
}
