import type { Source } from '../../source.ts'
import type { Assembled, Built, Platform, Recipe, Stack } from '../stack.ts'
import { dependenciesDockerfile, nodeDockerfile, nodeDockerignore, nodeEnv } from './dockerfile.ts'
import { planNode, type NodePlan } from './package.ts'

/** Programs of its Dockerfiles. */
const tells = ['npm', 'pnpm', 'yarn'] as const

/** A package.json at the root: npm, pnpm or Yarn; assembled from layers where there is no build step. */
export const nodeStack: Stack = {
  name: 'node',

  async detect({ files }, { nodeVersion }) {
    if ((await files.text('package.json')) === null) return null
    return { what: `Node ${nodeVersion}`, because: 'package.json is in the repository' }
  },

  async recipe(source, platform): Promise<Recipe> {
    const plan = await planOf(source, platform)
    const built: Built = {
      method: 'built',
      stack: 'node',
      title: `Building a Node ${platform.nodeVersion} app${plan.install ? ` with ${plan.install.program}` : ''}`,
      // What is to be assembled is built only after its install failed alone.
      dockerfile: nodeDockerfile(plan.notAssembled === null ? { ...plan, installsAlone: false } : plan, platform.node),
      dockerignore: nodeDockerignore,
      bases: [{ name: platform.node, instead: null }],
      notes: [...plan.warnings.map(warning => `Warning: ${warning}`), ...whyBuilt(plan)],
      tells,
    }
    return plan.notAssembled === null ? assembled(plan, built, platform) : built
  },
}

async function planOf({ files, procfile }: Source, { nodeVersion }: Platform): Promise<NodePlan> {
  const processes = procfile?.processes ?? []
  return planNode({
    packageJson: (await files.text('package.json')) ?? '{}',
    yarnLock: await files.text('yarn.lock'),
    paths: await files.paths(),
    startIsSaid: processes.length > 0,
    commands: [...processes.map(({ command }) => command), procfile?.releaseCommand].filter(
      command => typeof command === 'string',
    ),
    nodeVersion,
  })
}

function assembled({ install, start }: NodePlan, otherwise: Built, { node, nodeVersion }: Platform): Assembled {
  return {
    method: 'assembled',
    stack: 'node',
    title: `Assembling a Node ${nodeVersion} app from layers`,
    bases: otherwise.bases,
    dependencies:
      install === null
        ? { image: node }
        : {
            dockerfile: dependenciesDockerfile(install, node),
            manifests: install.manifests,
            title: `Installing dependencies with ${install.program}`,
            tells,
          },
    start,
    env: nodeEnv,
    leaveOut: 'node_modules',
    otherwise,
    notes: otherwise.notes,
  }
}

function whyBuilt(plan: NodePlan): readonly string[] {
  return plan.notAssembled === null ? [] : [`Built as a whole, because ${plan.notAssembled}`]
}
