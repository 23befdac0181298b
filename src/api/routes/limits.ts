import type { Hono } from 'hono'
import { z } from 'zod'
import { defaults } from '../../core/defaults.ts'
import {
  fixedLimits,
  limitNames,
  nodeLimits,
  parseLimit,
  parseLimitName,
  privateNetworksDefault,
  rules,
  sourceLimitsOf,
  type LimitName,
} from '../../core/limits.ts'
import type { LimitDocument } from '../documents.ts'
import { bodyOf } from '../input.ts'
import type { ApiEnv, ApiParts } from '../parts.ts'

/** As for config, RFC 7396: null takes it back. */
export const limitChanges = z.record(z.string(), z.string().nullable())

export function limitRoutes(api: Hono<ApiEnv>, { limits, platform, edges }: ApiParts): void {
  api.get('/v1/limits', c => c.json(documents(limits, platform)))

  /** All of them are looked at before the first is written. */
  api.patch('/v1/limits', async c => {
    const asked = Object.entries(await bodyOf(c, limitChanges))
    c.set('note', asked.map(([name, value]) => `${name}=${value ?? 'default'}`).join(', '))
    const wanted = asked.map(([text, value]) => {
      const name = parseLimitName(text)
      return [name, value === null ? null : parseLimit(name, value)] as const
    })
    for (const [name, value] of wanted) await limits.change(name, value)
    // The others are asked for at each use.
    if (wanted.some(([name]) => name === 'sourceConnections' || name === 'sourceRequestsPerSecond'))
      await edges.limitSources(sourceLimitsOf(limits.current()), c.req.raw.signal)
    return c.json(documents(limits, platform))
  })
}

function documents(limits: ApiParts['limits'], { privateNetworks }: ApiParts['platform']): LimitDocument[] {
  const current = limits.current()
  const settable = limitNames.map((name: LimitName) => {
    const { unit, of, from, least, most } = rules[name]
    const common = { name, unit, of, from, least, most }
    return { ...common, value: current[name], default: defaults[name], isSet: limits.isSet(name) }
  })
  const fixed = Object.entries(fixedLimits).map(([name, reason]) => {
    const value = defaults[name as keyof typeof fixedLimits]
    return { name, value, default: value, isSet: false, unit: null, of: reason, from: null, least: value, most: value }
  })
  const common = { isSet: false, unit: null, from: null, least: null, most: null }
  const reach = {
    name: 'privateNetworks',
    value: privateNetworks,
    default: privateNetworksDefault,
    of: nodeLimits.privateNetworks,
    ...common,
  }
  return [...settable, ...fixed, reach]
}
