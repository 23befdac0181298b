import { defaults } from '../../core/defaults.ts'
import { environmentId } from '../../core/labels.ts'
import { laneOf, type EdgeModel } from '../model.ts'

/**
 * HAProxy's maps, derived from the model. host → environment and environment → lane are two maps, so that a switch is
 * one `set map` however many hosts an environment has (decision: lanes-and-maps).
 */
export const mapNames = ['hosts', 'lanes', 'health', 'first-byte', 'idle', 'challenges', 'https-only'] as const
export type MapName = (typeof mapNames)[number]
export type MapEntries = ReadonlyMap<string, string>

export type Maps = Readonly<Record<MapName, MapEntries>>

export function mapsOf(model: EdgeModel): Maps {
  const routed = model.routes.flatMap(route => {
    const lane = laneOf(model, route)
    return lane ? [{ route, lane }] : []
  })
  return {
    hosts: new Map(routed.flatMap(({ route }) => route.hosts.map(host => [host, environmentId(route)] as const))),
    lanes: new Map(routed.map(({ route, lane }) => [environmentId(route), lane.backend])),
    health: new Map(
      model.lanes.flatMap(({ backend, spec }) => (spec.healthPath === null ? [] : [[backend, spec.healthPath]])),
    ),
    'first-byte': unlessDefault(model, 'firstByteSeconds'),
    idle: unlessDefault(model, 'idleSeconds'),
    challenges: new Map(Object.entries(model.challenges)),
    'https-only': new Map(model.httpsOnly.map(host => [host, 'on'])),
  }
}

/** In ms. HAProxy asks for these with every request, and an empty map answers fastest: the default is in its configuration. */
function unlessDefault({ lanes }: EdgeModel, time: 'firstByteSeconds' | 'idleSeconds'): MapEntries {
  const own = lanes.filter(({ spec }) => spec[time] !== defaults.settings[time])
  return new Map(own.map(({ backend, spec }) => [backend, String(spec[time] * 1000)]))
}

export function mapText(entries: MapEntries): string {
  return [...entries].map(([key, value]) => `${key} ${value}\n`).join('')
}

export type MapChange =
  | { readonly map: MapName; readonly key: string; readonly value: string; readonly kind: 'add' | 'set' }
  | { readonly map: MapName; readonly key: string; readonly kind: 'del' }

/**
 * What turns these maps into the others. A lane's own settings come before anything can be routed to it, and a
 * host before it is taken away.
 */
export function mapChanges(was: Maps, is: Maps): readonly MapChange[] {
  const order: readonly MapName[] = ['health', 'first-byte', 'idle', 'lanes', 'hosts', 'challenges', 'https-only']
  const written = order.flatMap(map =>
    [...is[map]].flatMap(([key, value]): MapChange[] => {
      const old = was[map].get(key)
      if (old === value) return []
      return [{ map, key, value, kind: old === undefined ? 'add' : 'set' }]
    }),
  )
  const removed = order
    .toReversed()
    .flatMap(map =>
      [...was[map].keys()].filter(key => !is[map].has(key)).map((key): MapChange => ({ map, key, kind: 'del' })),
    )
  return [...written, ...removed]
}
