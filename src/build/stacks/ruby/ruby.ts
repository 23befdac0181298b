import { AppError } from '../../../core/errors.ts'
import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'
import { withoutGit } from '../generated.ts'
import { assetsOf } from '../node/assets.ts'
import type { Assembled, Built, Platform, Recipe, Stack } from '../stack.ts'
import { gemsDockerfile, rubyDockerfile, rubyEnv, type RubyPlan } from './dockerfile.ts'
import { readGemfile, version } from './gemfile.ts'
import { startOf } from './start.ts'

const tells = ['bundle', 'npm', 'pnpm', 'yarn', 'bun'] as const

/** A Gemfile at the root: Bundler on Debian's Ruby; assembled from layers where nothing is built. */
export const rubyStack: Stack = {
  name: 'ruby',

  async detect({ files }) {
    const has = (await files.text('Gemfile', glance)) !== null
    return has ? { what: `Ruby ${version}`, because: 'Gemfile is in the repository' } : null
  },

  async recipe(source, platform: Platform): Promise<Recipe> {
    const gemfile = await readGemfile(source.files)
    if (!gemfile) throw new AppError('build-failed', 'there is no Gemfile', { hint: '"bundle init" writes one.' })
    const isSaid = (source.procfile?.processes ?? []).length > 0
    const isRails = gemfile.has('rails') && (await source.files.paths()).has('config/application.rb')
    const assets = await assetsOf(source, platform)
    const plan: RubyPlan = {
      gemfile,
      isRails,
      precompiles: isRails && ['sprockets', 'sprockets-rails', 'propshaft'].some(gemfile.has),
      assets: assets?.lines ?? [],
      start: isSaid ? null : await startOf(source, gemfile, isRails),
    }
    const built: Built = {
      method: 'built',
      stack: 'ruby',
      title: `Building a Ruby ${version} app with Bundler`,
      dockerfile: rubyDockerfile(plan, platform.base),
      dockerignore: `${withoutGit}node_modules\n`,
      bases: [platform.base, ...(assets?.bases ?? [])].map(name => ({ name, instead: null })),
      notes: [
        ...gemfile.warnings.map(warning => `Warning: ${warning}`),
        ...notesOf(source, isRails),
        ...(assets?.notes ?? []),
      ],
      start: plan.start,
      tells,
    }
    const isBuilt = plan.precompiles || assets !== null || gemfile.needsCode || !gemfile.locked
    return isBuilt ? built : assembled(plan, built, platform)
  },
}

function notesOf({ procfile }: Source, isRails: boolean): readonly string[] {
  if (!isRails) return []
  return [
    'Rails needs SECRET_KEY_BASE, or RAILS_MASTER_KEY for its credentials: "lading set RAILS_MASTER_KEY=…"',
    ...(procfile?.releaseCommand
      ? []
      : ['Migrations do not run by themselves: a Procfile with "release: bundle exec rails db:migrate" runs them']),
  ]
}

function assembled(plan: RubyPlan, otherwise: Built, { base }: Platform): Assembled {
  return {
    method: 'assembled',
    stack: 'ruby',
    title: `Assembling a Ruby ${version} app from layers`,
    bases: otherwise.bases,
    dependencies: {
      dockerfile: gemsDockerfile(plan, base),
      manifests: plan.gemfile.manifests,
      title: 'Installing gems with Bundler',
      tells,
    },
    start: plan.start,
    env: rubyEnv(plan),
    times: 'zero',
    leaveOut: null,
    otherwise,
    notes: otherwise.notes,
  }
}
