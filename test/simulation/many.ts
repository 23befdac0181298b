import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { allSites, type SiteResult } from './crash-sites.ts'
import { randomHistory, type HistoryResult } from './random-history.ts'

type Work = { readonly kind: 'sites' } | { readonly kind: 'random'; readonly seed: number; readonly count: number }

type Share = Work & { readonly share: number; readonly shares: number }

/** Every call of every canonical history with all that may happen to it, divided among the cores. */
export function runAllSites(): Promise<readonly SiteResult[]> {
  return divided<SiteResult>({ kind: 'sites' })
}

/** `count` random histories from `seed` on; gives back those that broke a law, and the speed whatever else the cores had to do. */
export async function runRandomHistories(
  seed: number,
  count: number,
): Promise<{ readonly broken: readonly HistoryResult[]; readonly perCpuSecond: number }> {
  const before = process.cpuUsage()
  const broken = await divided<HistoryResult>({ kind: 'random', seed, count })
  const { user, system } = process.cpuUsage(before)
  return { broken, perCpuSecond: count / ((user + system) / 1e6) }
}

async function divided<T>(work: Work): Promise<readonly T[]> {
  const shares = availableParallelism()
  const all = Array.from({ length: shares }, (_, share) => {
    const { promise, resolve, reject } = Promise.withResolvers<T[]>()
    const worker = new Worker(new URL(import.meta.url), { workerData: { ...work, share, shares } satisfies Share })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('a worker of the simulation ended without a result')))
    return promise
  })
  return (await Promise.all(all)).flat()
}

async function doShare(work: Share): Promise<readonly (SiteResult | HistoryResult)[]> {
  if (work.kind === 'sites') return Array.fromAsync(allSites(work.share, work.shares))
  const broken: HistoryResult[] = []
  for (let seed = work.seed + work.share; seed < work.seed + work.count; seed += work.shares) {
    const result = await randomHistory(seed)
    if (result.problems.length > 0) broken.push(result)
  }
  return broken
}

if (!isMainThread) parentPort?.postMessage(await doShare(workerData as Share))
