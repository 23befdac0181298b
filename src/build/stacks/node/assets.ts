import type { ImageReference } from '../../../core/names.ts'
import type { Source } from '../../source.ts'
import type { Platform } from '../stack.ts'
import { buildStage } from './dockerfile.ts'
import { planOf } from './node.ts'
import { nodeBase } from './other-node.ts'

/** Scripts and styles that a package.json beside an app of another stack builds. */
export interface Assets {
  /** Stages, of which the last is `assets`: /app of the stage `build`, with what was made. */
  readonly lines: readonly string[]
  readonly bases: readonly ImageReference[]
  readonly notes: readonly string[]
}

/** Null: nothing is built. */
export async function assetsOf(source: Source, platform: Platform): Promise<Assets | null> {
  const text = await source.files.text('package.json')
  if (text === null) return null
  const plan = await planOf(source, platform, { startIsSaid: true })
  if (plan.buildScript === null) return null
  const node = nodeBase(plan.node, platform)
  const stage = buildStage({ ...plan, keeps: [], installsAlone: false }, node.name, {
    name: 'assets',
    copy: 'COPY --from=build /app /app',
  })
  return {
    lines: [...node.lines, ...stage, 'RUN rm -rf node_modules'],
    bases: plan.node.isPlatforms ? [platform.node] : [platform.base, platform.node],
    notes: [
      `Scripts and styles are built with Node ${plan.node.version}, because package.json has a script "${plan.buildScript}"`,
      ...plan.warnings.map(warning => `Warning: ${warning}`),
    ],
  }
}
