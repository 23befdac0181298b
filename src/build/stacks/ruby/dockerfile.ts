import type { ImageReference } from '../../../core/names.ts'
import { addUser, apt, aptMounts, cached, pack, plainPath, take } from '../generated.ts'
import { version, type Gemfile } from './gemfile.ts'

export interface RubyPlan {
  readonly gemfile: Gemfile
  readonly isRails: boolean
  /** `assets:precompile` runs in the build. */
  readonly precompiles: boolean
  /** Stages that make scripts and styles with Node from /app of the stage `build`, the last one `assets`; none: nothing does. */
  readonly assets: readonly string[]
  readonly start: readonly string[] | null
}

export function rubyEnv({ gemfile, isRails }: Pick<RubyPlan, 'gemfile' | 'isRails'>): readonly string[] {
  return [
    `PATH=${plainPath}:/app/bin`,
    'BUNDLE_PATH=/opt/gems',
    'BUNDLE_WITHOUT=development:test',
    // A lock file may name another Bundler, which would be fetched and started in place of Debian's.
    'BUNDLE_VERSION=system',
    ...(gemfile.locked ? ['BUNDLE_FROZEN=1'] : []),
    'RACK_ENV=production',
    'APP_ENV=production',
    ...(isRails ? ['RAILS_ENV=production', 'RAILS_LOG_TO_STDOUT=1', 'RAILS_SERVE_STATIC_FILES=1'] : []),
  ]
}

/** The whole app: gems are a layer of their own, the same for the same lock file, and the code another. */
export function rubyDockerfile(plan: RubyPlan, base: ImageReference): string {
  const { gemfile, assets } = plan
  // Without a lock file Bundler writes one, which has to come along.
  const isAlone = !gemfile.needsCode && gemfile.locked
  const lines = [...gemsStage(plan, base, isAlone ? gemfile.manifests : null)]
  if (isAlone) lines.push('COPY . .')
  if (assets.length > 0) lines.push('', ...assets, '', 'FROM build AS whole', 'COPY --from=assets /app /app')
  if (plan.precompiles) lines.push(precompile)
  lines.push(pack('code', '--exclude=./vendor/cache --exclude=./tmp/cache .'), '', 'FROM ruby')
  lines.push(take('gems', '/opt/gems'), take('code').replace('=build', `=${assets.length > 0 ? 'whole' : 'build'}`))
  lines.push('WORKDIR /app', ...rubyEnv(plan).map(pair => `ENV ${pair}`), 'USER app')
  if (plan.start) lines.push(`CMD ${JSON.stringify(plan.start)}`)
  return [...lines, ''].join('\n')
}

/** Ruby and the gems alone, for the code of an assembled image to stand on. */
export function gemsDockerfile(plan: RubyPlan, base: ImageReference): string {
  return [...gemsStage(plan, base, plan.gemfile.manifests), '', 'FROM ruby', take('gems', '/opt/gems'), ''].join('\n')
}

/** `manifests`: all that is copied before the install; null: the whole repository. */
function gemsStage(plan: RubyPlan, base: ImageReference, manifests: readonly string[] | null): readonly string[] {
  const [run, build] = systemPackages(plan.gemfile)
  return [
    `FROM ${base} AS ruby`,
    `RUN ${aptMounts} ${apt(['ruby', 'ruby-bundler', ...run])} && ${addUser}`,
    '',
    'FROM ruby AS build',
    `RUN ${aptMounts} ${apt(['ruby-dev', 'build-essential', 'pkg-config', 'git', 'libyaml-dev', 'libffi-dev', 'zlib1g-dev', ...build])}`,
    'WORKDIR /app',
    ...rubyEnv(plan).map(pair => `ENV ${pair}`),
    manifests === null ? 'COPY . .' : `COPY ${manifests.join(' ')} ./`,
    ...(plan.gemfile.isExact
      ? [`RUN sed -i -E 's/^(\\s*ruby[ (]*.)[0-9]+\\.[0-9]+\\.[0-9]+/\\1~> ${version}.0/' Gemfile`]
      : []),
    // What was compiled on the way, and the packages themselves, are not needed to run. The folder is there without gems too.
    `RUN ${cached('/root/.bundle/cache')} bundle install --jobs 4${plan.gemfile.isVendored ? ' --local' : ''} && mkdir -p /opt/gems && find /opt/gems -path '*/cache/*.gem' -delete && find /opt/gems -name '*.o' -delete`,
    pack('gems', '-C /opt/gems .'),
  ]
}

const precompile =
  'RUN SECRET_KEY_BASE_DUMMY=1 SECRET_KEY_BASE=only-for-the-build SKIP_JS_BUILD=1 SKIP_CSS_BUILD=1 SKIP_YARN_INSTALL=1 SKIP_BUN_INSTALL=1 bundle exec rails assets:precompile'

/** Of Debian, for gems that need more than Ruby: to run, and to build. */
function systemPackages({ has }: Gemfile): readonly [run: readonly string[], build: readonly string[]] {
  const known = [
    ['pg', 'libpq5', 'libpq-dev'],
    ['mysql2', 'libmariadb3', 'libmariadb-dev'],
    ['trilogy', 'libssl3t64', 'libssl-dev'],
    ['sqlite3', 'libsqlite3-0', 'libsqlite3-dev'],
    ['ruby-vips', 'libvips42t64', 'libvips-dev'],
    ['nokogiri', 'libxml2', 'libxml2-dev'],
    ['rmagick', 'libmagickwand-7.q16-10', 'libmagickwand-dev'],
  ] as const
  const found = known.filter(([gem]) => has(gem))
  return [found.map(([, run]) => run), found.map(([, , build]) => build)]
}
