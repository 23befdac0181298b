import { isDeepStrictEqual } from 'node:util'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import type { DomainName, EnvironmentKey } from '../core/names.ts'
import {
  sameEnvironment,
  sameRelease,
  type EdgeState,
  type LaneSpec,
  type ReleaseKey,
  type Route,
  type SourceLimits,
} from '../edge/edges.ts'
import { allBackends, initialCounts, poolFor, pools, type PoolCounts } from './haproxy/pools.ts'

/**
 * What an edge has been told and must remember: the one file `edge.json`. Everything else on its disk is derived from
 * it before HAProxy starts. Addresses are not in it: only the engine's report admits a process (decision: keeper-admits).
 */
export interface EdgeModel {
  /** The highest term seen (law: one-control-plane-writes). */
  readonly term: number
  readonly pools: PoolCounts
  readonly lanes: readonly Lane[]
  readonly routes: readonly Route[]
  /** Hosts with a certificate in the state directory. */
  readonly certificates: readonly DomainName[]
  /** Hosts whose visitors are kept to HTTPS. */
  readonly httpsOnly: readonly DomainName[]
  readonly sourceLimits: SourceLimits
  /** Answers to ACME's challenges by token. */
  readonly challenges: Readonly<Record<string, string>>
}

export interface Lane {
  readonly backend: string
  readonly spec: LaneSpec
}

export const emptyModel: EdgeModel = {
  term: 0,
  pools: initialCounts,
  lanes: [],
  routes: [],
  certificates: [],
  httpsOnly: [],
  sourceLimits: {
    connections: defaults.sourceConnections,
    requestsPerSecond: defaults.sourceRequestsPerSecond,
  },
  challenges: {},
}

/** Serving, warm, draining, next (decision: lanes-and-maps). */
export const lanesPerEnvironment = 4

export function laneOf(model: EdgeModel, release: ReleaseKey): Lane | undefined {
  return model.lanes.find(lane => sameRelease(lane.spec, release))
}

export function freeBackends(model: EdgeModel, poolName: string): readonly string[] {
  const allocated = new Set(model.lanes.map(lane => lane.backend))
  return allBackends(model.pools)
    .filter(one => one.pool.name === poolName && !allocated.has(one.backend))
    .map(one => one.backend)
}

/**
 * The model with a lane for this release. `choose` picks among the free lanes (the one that is armed or rested best);
 * null from it means the pool is empty. The same release keeps its lane; it may only change within the lane's size.
 */
export function withLane(
  model: EdgeModel,
  spec: LaneSpec,
  choose: (free: readonly string[]) => string | undefined,
): EdgeModel {
  const pool = poolFor(spec)
  const existing = laneOf(model, spec)
  if (existing) {
    if (poolFor(existing.spec).name !== pool.name) {
      throw new AppError('conflict', `v${spec.release} of ${environmentId(spec)} has a lane of another kind`, {
        hint: 'A release is immutable: make a new one.',
      })
    }
    return { ...model, lanes: model.lanes.map(lane => (lane === existing ? { ...lane, spec } : lane)) }
  }
  if (model.lanes.filter(lane => sameEnvironment(lane.spec, spec)).length >= lanesPerEnvironment) {
    throw new AppError('no-room', `${environmentId(spec)} holds ${lanesPerEnvironment} releases already`, {
      retryable: true,
      hint: 'Wait until an older release has drained.',
    })
  }
  const backend = choose(freeBackends(model, pool.name))
  if (backend === undefined) {
    throw new AppError('no-room', 'the edge has no free place for another release now; it makes room by itself', {
      retryable: true,
      hint: 'Push again in half a minute.',
    })
  }
  return { ...model, lanes: [...model.lanes, { backend, spec }] }
}

/** Rejects `conflict` while the release serves: its hosts must move first. */
export function withoutLane(model: EdgeModel, release: ReleaseKey): EdgeModel {
  if (model.routes.some(route => sameRelease(route, release))) {
    throw new AppError('conflict', `v${release.release} of ${environmentId(release)} serves; its lane is not free`)
  }
  return { ...model, lanes: model.lanes.filter(lane => !sameRelease(lane.spec, release)) }
}

export function withRoute(model: EdgeModel, route: Route): EdgeModel {
  if (!laneOf(model, route)) {
    throw new AppError('conflict', `v${route.release} of ${environmentId(route)} has no lane to route to`)
  }
  const others = model.routes.filter(one => !sameEnvironment(one, route))
  for (const host of route.hosts) {
    const owner = others.find(one => one.hosts.includes(host))
    if (owner) throw new AppError('conflict', `${host} is routed to ${environmentId(owner)}`)
  }
  return { ...model, routes: [...others, route] }
}

export function withoutRoute(model: EdgeModel, key: EnvironmentKey): EdgeModel {
  return { ...model, routes: model.routes.filter(route => !sameEnvironment(route, key)) }
}

export function withHttpsOnly(model: EdgeModel, host: DomainName, isOn: boolean): EdgeModel {
  if (model.httpsOnly.includes(host) === isOn) return model
  const others = model.httpsOnly.filter(one => one !== host)
  return { ...model, httpsOnly: isOn ? [...others, host] : others }
}

export function withSourceLimits(model: EdgeModel, sourceLimits: SourceLimits): EdgeModel {
  return isDeepStrictEqual(model.sourceLimits, sourceLimits) ? model : { ...model, sourceLimits }
}

/** `answer` null: withdrawn. */
export function withChallenge(model: EdgeModel, token: string, answer: string | null): EdgeModel {
  const { [token]: before, ...others } = model.challenges
  if ((before ?? null) === answer) return model
  return { ...model, challenges: answer === null ? others : { ...others, [token]: answer } }
}

/** The model with a larger pool, when fewer lanes than its low mark are free; else the same object. */
export function refilled(model: EdgeModel): EdgeModel {
  const short = pools.filter(pool => freeBackends(model, pool.name).length < pool.low)
  if (short.length === 0) return model
  const grown = short.map(pool => [pool.name, (model.pools[pool.name] ?? 0) + pool.step])
  return { ...model, pools: { ...model.pools, ...(Object.fromEntries(grown) as PoolCounts) } }
}

export function edgeState(model: EdgeModel): EdgeState {
  return {
    lanes: model.lanes.map(({ spec: { app, environment, release } }) => ({ app, environment, release })),
    routes: model.routes,
    certificates: model.certificates,
    httpsOnly: model.httpsOnly,
    sourceLimits: model.sourceLimits,
    challenges: Object.keys(model.challenges),
  }
}
