import { pack, take } from '../generated.ts'
import { nodeBase, type NodeImages } from './other-node.ts'
import type { ChosenNode } from './choose-node.ts'
import type { Install, NodePlan } from './package.ts'

/** What every Node image runs with, built or assembled. */
export const nodeEnv = [
  'NODE_ENV=production',
  'PATH=/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'npm_config_update_notifier=false',
] as const

/** The context's `.dockerignore` says what a Dockerfile may see; here the platform decides, so that both ways agree. */
export const nodeDockerignore = 'node_modules\n.git\n'

/**
 * The Dockerfile of a Node app with a build step, or with dependencies that need the whole repository. What comes out
 * is two layers, production dependencies and everything else, with fixed times and one owner: a layer whose content
 * did not change keeps its digest.
 */
export function nodeDockerfile(plan: NodePlan, images: NodeImages): string {
  const { install } = plan
  const node = nodeBase(plan.node, images)
  const lines = [...node.lines, ...buildStage(plan, node.name)]
  if (install?.prunes && plan.development === null) lines.push(...prune(install))
  lines.push('RUN mkdir -p node_modules', pack('modules', 'node_modules'), pack('code', `${leaveOut(install)} .`))
  if (plan.keeps.length > 0) lines.push(pack('programs', '-C /kept .'))
  lines.push('', `FROM ${node.name}`)
  if (plan.keeps.length > 0) lines.push('COPY --from=build /programs /usr/local')
  lines.push(take('modules'), take('code'))
  if (install?.program === 'yarn-berry') lines.push(yarnLikeTheOthers)
  return [...lines, ...footer(plan.start), ''].join('\n')
}

/** Where the app is installed and built, in /app, with its development dependencies: the stage `build`. */
export function buildStage(
  plan: NodePlan,
  node: string,
  { name, copy } = { name: 'build', copy: 'COPY . .' },
): readonly string[] {
  const { install } = plan
  const lines = [`FROM ${node} AS ${name}`, 'WORKDIR /app', quiet]
  if (install?.program === 'yarn-berry') lines.push(yarnLikeTheOthers)
  if (install?.get) lines.push(getProgram(install.get))
  if (plan.keeps.length > 0) lines.push(run(`npm install --global --force --prefix /kept ${plan.keeps.join(' ')}`))
  if (install && plan.installsAlone) lines.push(copyManifests(install))
  else lines.push(copy)
  if (install) lines.push(run(installAll(install)))
  if (install && plan.installsAlone) lines.push(copy)
  // Not earlier: without development dependencies there may be nothing to build with.
  if (plan.buildScript) lines.push('ENV NODE_ENV=production', runBuild(plan.buildScript))
  return lines
}

/** The Dockerfile of the dependencies alone, for an assembled image: one layer on the base, `node_modules`. */
export function dependenciesDockerfile(install: Install, chosen: ChosenNode, images: NodeImages): string {
  const node = nodeBase(chosen, images)
  const lines = [...node.lines, `FROM ${node.name} AS build`, 'WORKDIR /app', quiet]
  if (install.get) lines.push(getProgram(install.get))
  lines.push(copyManifests(install), run(commandsOf(install).production), 'RUN mkdir -p node_modules')
  return [...lines, pack('modules', 'node_modules'), '', `FROM ${node.name}`, take('modules'), ''].join('\n')
}

const bunCache = 'BUN_INSTALL_CACHE_DIR=/root/.cache/bun'

const installCommands = {
  npm: {
    all: 'npm ci --include=dev',
    prune: 'npm prune --omit=dev',
    production: 'npm ci --omit=dev',
  },
  pnpm: {
    all: 'pnpm install --frozen-lockfile --prod=false',
    // "pnpm prune" empties the packages of a workspace. Unless its age is 0, what is removed stays in .pnpm for a week.
    prune: 'CI=true pnpm install --frozen-lockfile --prod --ignore-scripts --config.modules-cache-max-age=0',
    production: 'pnpm install --frozen-lockfile --prod',
  },
  yarn: {
    all: 'yarn install --frozen-lockfile --production=false',
    prune: 'yarn install --frozen-lockfile --production --ignore-scripts --prefer-offline',
    production: 'yarn install --frozen-lockfile --production',
  },
  bun: {
    all: `${bunCache} bun install --frozen-lockfile`,
    // It has no prune; what it gets again lies in its cache.
    prune: `rm -rf node_modules && ${bunCache} bun install --frozen-lockfile --production --ignore-scripts`,
    production: `${bunCache} bun install --frozen-lockfile --production`,
  },
  'yarn-berry': {
    all: 'yarn install --immutable',
    prune: 'yarn workspaces focus --all --production',
    production: 'yarn workspaces focus --all --production',
  },
} as const

/** Without a lock file: what the registry has today, and no lock file is left behind. */
const unlockedCommands = {
  npm: {
    all: 'npm install --no-package-lock --include=dev',
    prune: 'npm prune --no-package-lock --omit=dev',
    production: 'npm install --no-package-lock --omit=dev',
  },
  pnpm: {
    all: 'pnpm install --no-lockfile --prod=false',
    prune: 'CI=true pnpm install --no-lockfile --prod --ignore-scripts --config.modules-cache-max-age=0',
    production: 'pnpm install --no-lockfile --prod',
  },
  yarn: {
    all: 'yarn install --no-lockfile --production=false',
    prune: 'yarn install --no-lockfile --production --ignore-scripts --prefer-offline',
    production: 'yarn install --no-lockfile --production',
  },
  bun: {
    all: `${bunCache} bun install --no-save`,
    prune: `rm -rf node_modules && ${bunCache} bun install --no-save --production --ignore-scripts`,
    production: `${bunCache} bun install --no-save --production`,
  },
} as const

function commandsOf({ program, locked }: Install) {
  return locked || program === 'yarn-berry' ? installCommands[program] : unlockedCommands[program]
}

function installAll(install: Install): string {
  // Nothing to remove is nothing to get: the app's own scripts alone.
  return install.locked || install.prunes ? commandsOf(install).all : 'npm install --no-package-lock'
}

/** Yarn's default, Plug'n'Play, would have to be started with the app. */
const yarnLikeTheOthers = 'ENV YARN_NODE_LINKER=node-modules'

function prune(install: Install): readonly string[] {
  const { program, workspaces } = install
  const command = run(commandsOf(install).prune)
  if (program !== 'yarn-berry') return [command]
  // It runs the app's install scripts again, which may call what it just removed, and has no option to leave them.
  const all = workspaces ? ' --workspaces --include-workspace-root' : ''
  return [
    `RUN ${eachPackage} -exec tar -rf /packages.tar {} + && npm pkg delete scripts${all}`,
    command,
    'RUN tar -xf /packages.tar',
  ]
}

const eachPackage = 'find . -name node_modules -prune -o -type f -name package.json'

function runBuild(script: string): string {
  return `RUN --mount=type=cache,target=/root/.cache npm run ${script}`
}

/** Of the code, besides dependencies: what only an install reads, and is not the same after each. */
function leaveOut(install: Install | null): string {
  const yarn = install?.program === 'yarn-berry' ? ['./.yarn/cache', './.yarn/install-state.gz'] : []
  return ['./node_modules', ...yarn].map(path => `--exclude=${path}`).join(' ')
}

/** Of npm, which else praises itself between the lines that matter. */
const quiet = 'ENV npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false'

const secret = '--mount=type=secret,id=npmrc,target=/root/.npmrc'
const caches = ['/root/.npm', '/root/.cache', '/usr/local/share/.cache', '/root/.local/share/pnpm/store', '/root/.yarn']

function run(command: string): string {
  return `RUN ${[secret, ...caches.map(path => `--mount=type=cache,target=${path}`)].join(' ')} ${command}`
}

function getProgram(name: string): string {
  return run(`npm install --global --force ${name}`)
}

function copyManifests(install: Install): string {
  return `COPY ${install.manifests.join(' ')} ./`
}

function footer(start: readonly string[] | null): readonly string[] {
  return [
    'WORKDIR /app',
    ...nodeEnv.map(pair => `ENV ${pair}`),
    'USER app',
    ...(start ? [`CMD ${JSON.stringify(start)}`] : []),
  ]
}
