import type { ImageReference } from '../../../core/names.ts'
import { apt, aptMounts, cached, pack, take } from '../generated.ts'
import { phpStage } from './server.ts'

export interface PhpPlan {
  /** Debian's packages of extensions. */
  readonly packages: readonly string[]
  /** Null: nothing is installed by Composer. */
  readonly composer: { readonly locked: boolean; readonly needsCode: boolean } | null
  readonly env: readonly string[]
  readonly start: readonly string[]
  /** Stages that make scripts and styles with Node from /app of the stage `build`, the last one `assets`; none: nothing does. */
  readonly assets: readonly string[]
}

/** The whole app: Composer's packages are a layer of their own, the same for the same lock file, and the code another. */
export function phpDockerfile(plan: PhpPlan, base: ImageReference): string {
  const { composer, assets } = plan
  const lines = [...phpStage(base, plan.packages), '']
  lines.push('FROM php AS build', 'USER root')
  if (composer) lines.push(...withComposer(composer, plan.env))
  else lines.push('COPY . .')
  if (assets.length > 0) lines.push('', ...assets)
  lines.push('RUN mkdir -p vendor', pack('vendor', 'vendor'), pack('code', '--exclude=./vendor .'), '', 'FROM php')
  const from = assets.length > 0 ? 'assets' : 'build'
  lines.push(take('vendor', '/app', from), take('code', '/app', from))
  lines.push(...plan.env.map(pair => `ENV ${pair}`), `CMD ${JSON.stringify(plan.start)}`)
  return [...lines, ''].join('\n')
}

function withComposer({ locked, needsCode }: NonNullable<PhpPlan['composer']>, env: readonly string[]): string[] {
  const options = '--no-dev --no-interaction --no-progress --prefer-dist'
  const install = (more: string) => `RUN ${cached('/root/.cache')} composer install ${options} ${more}`
  const lines = [
    `RUN ${aptMounts} ${apt(['composer', 'git', 'unzip'])}`,
    'ENV COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_HOME=/root/.cache/composer-home',
  ]
  if (!needsCode) {
    lines.push(`COPY composer.json ${locked ? 'composer.lock ' : ''}./`, install('--no-scripts --no-autoloader'))
  }
  // With the code: the list of classes, and what the framework does after an install.
  return [...lines, 'COPY . .', ...env.map(pair => `ENV ${pair}`), install('--optimize-autoloader')]
}
