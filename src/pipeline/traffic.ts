import { isDeepStrictEqual } from 'node:util'
import { releasesToKeep, servingRelease } from '../core/keep.ts'
import { environmentId } from '../core/labels.ts'
import type { DomainName, EnvironmentKey } from '../core/names.ts'
import type { Release } from '../core/release.ts'
import { first } from '../lib/async/ticks.ts'
import { persistently } from '../lib/async/retry.ts'
import { laneSpec } from '../rollout/spec.ts'
import type { Deps } from './deps.ts'
import { KeyedMutex } from '../lib/async/mutex.ts'
import { isDestroyed } from './upkeep.ts'

type TrafficDeps = Pick<Deps, 'store' | 'edges' | 'clock' | 'hosts' | 'certify' | 'forgetStrangers'>

/**
 * Who gets an environment's traffic. Every look at the rows with the switch that follows from it is one critical
 * section per environment, so that no one routes by rows that another has just changed.
 */
export class Traffic {
  readonly #deps: TrafficDeps
  readonly #turns = new KeyedMutex()

  constructor(deps: TrafficDeps) {
    this.#deps = deps
  }

  async exclusively<T>(key: EnvironmentKey, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const end = await this.#turns.take(environmentId(key), signal)
    try {
      return await work()
    } finally {
      end()
    }
  }

  /** To a release whose processes have proof; an environment without the type `web` has no route. */
  async moveTo(release: Release, signal: AbortSignal): Promise<void> {
    const { edges, certify } = this.#deps
    const { app, environment, number } = release
    if (!laneSpec(release)) return edges.unroute({ app, environment }, signal)
    const hosts = await this.#hosts(release)
    await certify(hosts, signal)
    await edges.route({ app, environment, hosts, release: number }, signal)
  }

  /** The platform's, then the environment's domains; a name that is both stands once. */
  async #hosts(key: EnvironmentKey): Promise<readonly DomainName[]> {
    const domains = await this.#deps.store.listDomains()
    const own = domains.filter(domain => environmentId(domain) === environmentId(key))
    return [...new Set<DomainName>([...this.#deps.hosts(key), ...own.map(({ name }) => name)])]
  }

  /**
   * Traffic follows the rows: to the release that serves, if a process of it answers, or to none. A proven run moves it
   * itself, or has done so. Edges that are away are asked again until the signal: what comes after relies on it.
   */
  toServing(key: EnvironmentKey, signal: AbortSignal): Promise<void> {
    const follow = () => this.#toServing(key, signal)
    const patience = { clock: this.#deps.clock, until: Infinity, signal }
    return this.exclusively(key, () => persistently(follow, patience), signal)
  }

  /** After a route has gone: what its names showed goes too, however long an edge is away. */
  forgetStrangers(signal: AbortSignal): Promise<void> {
    const { clock, forgetStrangers } = this.#deps
    return persistently(() => forgetStrangers(signal), { clock, until: Infinity, signal })
  }

  async #toServing(key: EnvironmentKey, signal: AbortSignal): Promise<void> {
    const { store, edges } = this.#deps
    const runs = await store.standingRuns(key)
    if (runs.some(run => run.state === 'proven')) return
    const serving = (await isDestroyed(key, this.#deps)) ? null : servingRelease(runs)
    const { routes, lanes } = await edges.state(signal)
    const route = routes.find(one => environmentId(one) === environmentId(key))
    if (serving === null && route) return edges.unroute(key, signal)
    // The same release at other names: a domain came or went, or the platform's own has changed.
    const isRouted = route?.release === serving
    if (serving === null || (isRouted && isDeepStrictEqual(route.hosts, await this.#hosts(key)))) return
    const release = await store.findRelease(key, serving)
    // What answers now must not lose its traffic to something that does not, unless it is to be swept.
    const mayStay = route !== undefined && !isRouted && releasesToKeep(runs).has(route.release)
    if (!release || (mayStay && !(await this.#answers(release, signal)))) return
    const lane = laneSpec(release)
    const isAllocated = lanes.some(one => environmentId(one) === environmentId(key) && one.release === serving)
    // An edge that has lost its state.
    if (lane && !isAllocated) await edges.allocate(lane, signal)
    await this.moveTo(release, signal)
  }

  async #answers(release: Release, signal: AbortSignal): Promise<boolean> {
    // Nothing of it could answer: no such type, or scaled to zero.
    if ((laneSpec(release)?.processes ?? 0) === 0) return true
    const looking = new AbortController()
    try {
      const views = this.#deps.edges.watch(release, AbortSignal.any([signal, looking.signal]))
      const view = await first(views, () => true)
      return view?.processes.some(one => one.release === release.number && one.proof === 'proven') ?? false
    } finally {
      looking.abort()
    }
  }
}
