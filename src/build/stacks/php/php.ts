import { withoutGit } from '../generated.ts'
import { assetsOf } from '../node/assets.ts'
import type { Assembled, Built, Platform, Recipe, Stack } from '../stack.ts'
import { readComposer, version, type Composer } from './composer.ts'
import { phpDockerfile, type PhpPlan } from './dockerfile.ts'
import { packagesFor } from './extensions.ts'
import { phpStage, startServer } from './server.ts'

const tells = ['composer', 'npm', 'pnpm', 'yarn', 'bun'] as const
/** Where a front controller may be; the first that is there is what visitors see. */
const roots = ['public', 'web', 'webroot', 'htdocs', ''] as const

/** PHP with or without Composer, by Debian's Apache; plain pages are assembled from layers. */
export const phpStack: Stack = {
  name: 'php',

  async detect({ files }) {
    const paths = await files.paths()
    const sign = ['composer.json', ...roots.map(root => join(root, 'index.php'))].find(path => paths.has(path))
    return sign === undefined ? null : { what: `PHP ${version}`, because: `${sign} is in the repository` }
  },

  async recipe(source, platform: Platform): Promise<Recipe> {
    const { files, procfile } = source
    const paths = await files.paths()
    const composer = await readComposer(files)
    const hasVendor = paths.has('vendor/autoload.php')
    const { packages, missing } = packagesFor(composer?.extensions ?? [])
    const framework = frameworkOf(composer, paths)
    const assets = await assetsOf(source, platform)
    const plan: PhpPlan = {
      packages,
      composer: composer && !hasVendor && composer.requires.size > 0 ? composer : null,
      env: framework?.env ?? [],
      start: startServer(roots.find(root => paths.has(join(root, 'index.php'))) ?? ''),
      assets: assets?.lines ?? [],
    }
    const built: Built = {
      method: 'built',
      stack: 'php',
      title: `Building a PHP ${version} app${plan.composer ? ' with Composer' : ''}, for Apache`,
      dockerfile: phpDockerfile(plan, platform.base),
      dockerignore: `${withoutGit}node_modules\n`,
      bases: [platform.base, ...(assets?.bases ?? [])].map(name => ({ name, instead: null })),
      notes: [
        ...missing.map(name => `Warning: composer.json asks for ext-${name}, which Debian does not have`),
        ...(plan.composer?.locked === false
          ? ['Warning: there is no composer.lock: another install may get other versions than you tried']
          : []),
        ...(composer && hasVendor ? ['vendor is in the repository, and used as it is'] : []),
        ...(framework && !procfile?.releaseCommand ? [framework.migrations] : []),
        ...(assets?.notes ?? []),
      ],
      start: plan.start,
      tells,
    }
    return plan.composer || assets ? built : assembled(plan, built, platform)
  },
}

function assembled({ packages, start, env }: PhpPlan, otherwise: Built, { base }: Platform): Assembled {
  return {
    method: 'assembled',
    stack: 'php',
    title: `Assembling a PHP ${version} app from layers, for Apache`,
    bases: otherwise.bases,
    dependencies: {
      dockerfile: [...phpStage(base, packages), ''].join('\n'),
      manifests: [],
      title: `Getting PHP ${version} and Apache, once for this app`,
      tells: [],
    },
    start,
    env,
    times: 'zero',
    leaveOut: null,
    otherwise,
    notes: otherwise.notes,
  }
}

interface Framework {
  readonly env: readonly string[]
  /** How its migrations run. */
  readonly migrations: string
}

function frameworkOf(composer: Composer | null, paths: ReadonlySet<string>): Framework | null {
  const known: readonly (readonly [boolean, Framework])[] = [
    [
      paths.has('artisan') || composer?.requires.has('laravel/framework') === true,
      {
        env: ['APP_ENV=production', 'APP_DEBUG=false', 'LOG_CHANNEL=stderr'],
        migrations:
          'Migrations do not run by themselves: a Procfile with "release: php artisan migrate --force" runs them; Laravel needs APP_KEY ("lading set APP_KEY=…")',
      },
    ],
    [
      composer?.requires.has('symfony/framework-bundle') === true,
      {
        env: ['APP_ENV=prod', 'APP_DEBUG=0'],
        migrations:
          'Migrations do not run by themselves: a Procfile with "release: php bin/console doctrine:migrations:migrate --no-interaction" runs them',
      },
    ],
  ]
  return known.find(([applies]) => applies)?.[1] ?? null
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
