import { z } from 'zod'
import type { NodeVersions } from '../api/parts.ts'
import type { Clock } from '../core/clock.ts'
import type { NodeName } from '../core/names.ts'
import type { DockerHttp } from '../docker/http.ts'
import { callKeeper } from '../edge/keeper-http.ts'

/** One that was started before it knew its version says none. */
const health = z.object({
  version: z.string().default('older'),
  build: z.string().default('unknown'),
  generation: z.number(),
  refused: z
    .object({ requests: z.number(), connections: z.number() })
    .nullish()
    .transform(refused => refused ?? null),
})
const engineView = z.object({ Version: z.string() })
/** The caller does not wait longer for one that is stuck (ms). */
const patienceMs = 5_000

export interface VersionSources {
  readonly node: NodeName
  readonly keeperSocket: string
  /** This node's engine, through its keeper. */
  readonly engine: Pick<DockerHttp, 'json'>
  readonly clock: Clock
}

/** What runs on this node. Never rejects but with the signal's reason: what does not answer is null. */
export async function nodeVersions(
  { node, keeperSocket, engine, clock }: VersionSources,
  signal: AbortSignal,
): Promise<NodeVersions> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  const askKeeper = async () => {
    const call = { socketPath: keeperSocket, method: 'GET', path: '/health', term: 0, clock } as const
    return health.parse(JSON.parse(await callKeeper(call, limit)))
  }
  const askEngine = async () => engineView.parse(await engine.json({ method: 'GET', path: '/version' }, limit)).Version
  const [keeper, version] = await Promise.all([askKeeper().catch(() => null), askEngine().catch(() => null)])
  signal.throwIfAborted()
  return { node, keeper, engine: version }
}
