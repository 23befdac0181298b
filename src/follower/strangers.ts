import { parseAppName, parseEnvironmentName, type EnvironmentKey } from '../core/names.ts'
import { platformKey } from './container.ts'

/**
 * Lines that anybody can bring about without an account: kept apart, by a quota of their own, so that they wash out neither
 * the platform's lines nor an app's (docs/design/logs.md, "Strangers").
 */
export const strangersKey: EnvironmentKey = { app: platformKey.app, environment: parseEnvironmentName('strangers') }

/** What the platform answers to those who are not let in, or who make no sense. */
const refusals = new Set(['400', '401', '403', '404', '405', '408', '413', '415', '421', '429', '431'])

/** Of a line of the router's log. */
interface RouterFields {
  /** `app/environment`; `-` or empty for unknown hosts. */
  readonly environment: string
  /** `backend/slot` */
  readonly slot: string
  readonly status: string
}

/** Whose log a router's line belongs to; null when there is none. */
export function keyOf({ environment, slot, status }: RouterFields): EnvironmentKey | null {
  if (environment === '-' || environment === '') return strangersKey
  const [app = '', name = ''] = environment.split('/')
  if (app === platformKey.app && refusals.has(status)) return strangersKey
  // The edge's own refusal of one source address: no app has seen it.
  if (status === '429' && slot.endsWith('/<NOSRV>')) return strangersKey
  try {
    return { app: parseAppName(app), environment: parseEnvironmentName(name) }
  } catch {
    return null
  }
}
