import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'
import type { Assembled, Built, Platform, Recipe, Stack } from '../stack.ts'
import { askedVersion } from './asked-version.ts'
import { dependenciesDockerfile, nodeDockerfile, nodeDockerignore, nodeEnv } from './dockerfile.ts'
import { packageJson, parsePackage, planNode, type NodePlan } from './package.ts'
import { chooseNode } from './choose-node.ts'
import { membersOf } from './members.ts'
import { neededNode } from './needed-version.ts'
import { nodeBase } from './other-node.ts'
import { mainFile } from './start.ts'

/** Programs of its Dockerfiles. */
export const tells = ['npm', 'pnpm', 'yarn', 'bun'] as const

/** A package.json at the root: npm, pnpm or Yarn; assembled from layers where there is no build step. */
export const nodeStack: Stack = {
  name: 'node',

  async detect(source, platform) {
    if ((await source.files.text('package.json', packageJson)) === null || (await isOnlyTools(source))) return null
    return { what: `Node ${await versionFor(source, platform)}`, because: 'package.json is in the repository' }
  },

  async recipe(source, platform): Promise<Recipe> {
    const plan = await planOf(source, platform)
    const built: Built = {
      method: 'built',
      stack: 'node',
      title: `Building a Node ${plan.node.version} app${plan.install ? ` with ${plan.install.program}` : ''}`,
      // What is to be assembled is built only after its install failed alone.
      dockerfile: nodeDockerfile(plan.notAssembled === null ? { ...plan, installsAlone: false } : plan, platform),
      dockerignore: nodeDockerignore,
      bases: basesOf(plan, platform),
      notes: [...plan.warnings.map(warning => `Warning: ${warning}`), ...whyBuilt(plan)],
      start: plan.start,
      tells,
    }
    return plan.notAssembled === null ? assembled(plan, built, platform) : built
  },
}

/** Files that say that package.json is not the app itself, unless it starts something. */
export const ofOthers = [
  'go.mod',
  'manage.py',
  'requirements.txt',
  'pyproject.toml',
  'Pipfile',
  'composer.json',
  'index.php',
  'Gemfile',
  'Cargo.toml',
  'pom.xml',
  'build.gradle',
  'build.gradle.kts',
] as const

/** Beside an app of another stack, a package.json that starts nothing is there for its tools. */
async function isOnlyTools(source: Source): Promise<boolean> {
  const { files, procfile, yaml } = source
  const paths = await files.paths()
  const isAlone = !ofOthers.some(path => paths.has(path))
  const pkg = parsePackage((await files.text('package.json', packageJson)) ?? '{}')
  if (yaml.stack === 'node' || pkg.scripts?.start !== undefined || mainFile(pkg, paths) !== null) return false
  const commands = (procfile?.processes ?? []).map(({ command }) => command ?? '')
  if (commands.some(command => /(?:^|[\s/;&|])(?:node|npm|npx|pnpm|yarn)(?:\s|$)/.test(command))) return false
  if (!isAlone) return true
  const hasPages = paths.has('index.html') || paths.has('public/index.html')
  return hasPages && commands.length === 0 && pkg.scripts?.build === undefined
}

async function versionFor({ files }: Source, { nodeVersion }: Platform): Promise<string> {
  const pkg = parsePackage((await files.text('package.json', packageJson)) ?? '{}')
  const asked = await askedVersion(files)
  return chooseNode({ engines: pkg.engines?.node ?? null, asked, needed: neededNode(pkg), platforms: nodeVersion })
    .version
}

/** `startIsSaid`: what is made needs nothing that starts it. */
export async function planOf(
  { files, procfile }: Source,
  { nodeVersion }: Platform,
  { startIsSaid = false } = {},
): Promise<NodePlan> {
  const processes = procfile?.processes ?? []
  const text = (await files.text('package.json', packageJson)) ?? '{}'
  return planNode({
    packageJson: text,
    yarnLock: await files.text('yarn.lock', glance),
    paths: await files.paths(),
    startIsSaid: startIsSaid || processes.length > 0,
    commands: [...processes.map(({ command }) => command), procfile?.releaseCommand].filter(
      command => typeof command === 'string',
    ),
    asked: await askedVersion(files),
    members: await membersOf(parsePackage(text), files),
    nodeVersion,
  })
}

function basesOf({ node }: NodePlan, platform: Platform): Built['bases'] {
  const images = node.isPlatforms ? [platform.node] : [platform.base, platform.node]
  return images.map(name => ({ name, instead: null }))
}

function assembled({ install, start, node }: NodePlan, otherwise: Built, platform: Platform): Assembled {
  return {
    method: 'assembled',
    stack: 'node',
    title: `Assembling a Node ${node.version} app from layers`,
    bases: otherwise.bases,
    dependencies:
      install === null
        ? onlyNode(node, platform)
        : {
            dockerfile: dependenciesDockerfile(install, node, platform),
            manifests: install.manifests,
            title: `Installing dependencies with ${install.program}`,
            tells,
          },
    start,
    env: nodeEnv,
    times: 'zero',
    leaveOut: 'node_modules',
    otherwise,
    notes: otherwise.notes,
  }
}

/** For an app without dependencies. */
function onlyNode(node: NodePlan['node'], platform: Platform): Assembled['dependencies'] {
  if (node.isPlatforms) return { image: platform.node }
  const { lines } = nodeBase(node, platform)
  return { dockerfile: lines.join('\n'), manifests: [], title: `Getting Node ${node.version}`, tells: ['npm'] }
}

function whyBuilt(plan: NodePlan): readonly string[] {
  return plan.notAssembled === null ? [] : [`Built as a whole, because ${plan.notAssembled}`]
}
