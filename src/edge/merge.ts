import { isDeepStrictEqual } from 'node:util'
import type { NodeName } from '../core/names.ts'
import { sameEnvironment, sameRelease, type EdgeState, type EnvironmentView, type ProcessView } from './edges.ts'

/** One keeper's report; null while it does not answer, or has not yet. */
export interface KeeperReport {
  readonly node: NodeName
  readonly view: EnvironmentView | null
}

/**
 * One view from the keepers' views. Facts of a process come from the keeper of its own node; proof counts only when
 * every edge has it, so a silent keeper takes it away. Null until at least one keeper has spoken.
 */
export function mergeViews(reports: readonly KeeperReport[]): EnvironmentView | null {
  if (reports.every(one => one.view === null)) return null
  const byContainer = new Map<string, ProcessView>()
  for (const { node, view } of reports) {
    for (const process of view?.processes ?? []) {
      if (!byContainer.has(process.container) || process.node === node) byContainer.set(process.container, process)
    }
  }
  const processes = [...byContainer.values()].map(process => withProofOfAll(process, reports))
  const inFlight: Record<number, number> = {}
  for (const { view } of reports) {
    for (const [release, count] of Object.entries(view?.inFlight ?? {})) {
      inFlight[Number(release)] = (inFlight[Number(release)] ?? 0) + count
    }
  }
  return { processes, inFlight }
}

const worstFirst = ['down', 'checking', 'proven'] as const

function withProofOfAll(process: ProcessView, reports: readonly KeeperReport[]): ProcessView {
  const said = reports.map(({ view }) => view?.processes.find(one => one.container === process.container) ?? null)
  // Without a port or a lane there is nothing to prove, whoever is asked.
  if (said.every(one => one === null || one.proof === 'none')) return process
  const proofs = said.map(one => (one === null || one.proof === 'none' ? 'checking' : one.proof))
  const proof = worstFirst.find(one => proofs.includes(one)) ?? 'checking'
  return { ...process, proof, lastCheck: said.find(one => one?.proof === proof)?.lastCheck ?? process.lastCheck }
}

/** Lanes, certificates and challenges that any edge holds, for the sweep; a route only as all edges hold it, so that a difference is stated again. */
export function mergeStates(states: readonly EdgeState[]): EdgeState {
  const all = states.flatMap(state => state.lanes)
  const lanes = all.filter((lane, at) => all.findIndex(other => sameRelease(lane, other)) === at)
  const [first, ...others] = states
  const routes = (first?.routes ?? []).filter(route =>
    others.every(state => {
      const other = state.routes.find(one => sameEnvironment(one, route))
      return other?.release === route.release && [...other.hosts].sort().join() === [...route.hosts].sort().join()
    }),
  )
  const union = <T>(lists: readonly (readonly T[])[]) => [...new Set(lists.flat())]
  return {
    lanes,
    routes,
    certificates: union(states.map(state => state.certificates)),
    ...(states.every(state => state.httpsOnly) && { httpsOnly: union(states.map(state => state.httpsOnly ?? [])) }),
    // Where edges differ, no one knows.
    ...(first?.sourceLimits &&
      others.every(state => isDeepStrictEqual(state.sourceLimits, first.sourceLimits)) && {
        sourceLimits: first.sourceLimits,
      }),
    challenges: union(states.map(state => state.challenges)),
  }
}
