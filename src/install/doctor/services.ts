import { statfs } from 'node:fs/promises'
import { z } from 'zod'
import { gib } from '../../lib/format.ts'
import { paths } from '../paths.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { askSocket, engine } from '../swarm/engine-call.ts'

/** Of a limit, or of the disk: from then on its owner is told. */
const warnedShare = 0.8

const described = z.array(
  z.object({
    name: z.string(),
    state: z.string(),
    reason: z.string(),
    up: z.boolean(),
    bytes: z.number().nullable(),
    connections: z.number().nullable(),
    limits: z.object({ bytes: z.number().nullable(), connections: z.number() }),
  }),
)

/** A service as the control plane describes it. */
export type DescribedService = z.infer<typeof described>[number]

/** Bytes of the disk that has the services' data. */
export interface DiskOfServices {
  readonly folder: string
  readonly used: number
  readonly free: number
}

const root = z.object({ DockerRootDir: z.string() })

/** Backing services that do not run, or come near what they may have. */
export async function checkServices(signal: AbortSignal): Promise<string | Obstacle[]> {
  const answer = await askSocket(paths.controlSocket, '/v1/services', signal)
  if (answer === null) return 'not asked: the control plane does not answer'
  const services = described.parse(answer)
  if (services.length === 0) return 'there is none'
  const folder = root.parse(await engine.json({ method: 'GET', path: '/info' }, signal)).DockerRootDir
  const { blocks, bfree, bavail, bsize } = await statfs(folder)
  const found = findingsOf(services, { folder, used: (blocks - bfree) * bsize, free: bavail * bsize })
  if (found.length > 0) return found
  const ready = services.filter(({ state }) => state === 'ready').length
  return `${ready} ready, each below ${warnedShare * 100} % of what it may have`
}

/** Those that are being made, or are destroyed, are not judged. */
export function findingsOf(services: readonly DescribedService[], disk: DiskOfServices): Obstacle[] {
  const found: Obstacle[] = []
  for (const { name, state, reason, up, bytes, connections, limits } of services) {
    const next = `lading services info ${name}`
    if (state === 'ready' && !up)
      found.push({ what: [`${name} takes no connections`, reason].filter(Boolean).join(': '), next })
    if (bytes !== null && limits.bytes !== null && bytes >= limits.bytes * warnedShare) {
      found.push({
        what: `${name} has ${gib(bytes, 2)} of the ${gib(limits.bytes, 2)} that it may have; above it writes are refused`,
        next: `Remove what is not needed; ${next}`,
      })
    }
    if (connections !== null && connections >= limits.connections * warnedShare)
      found.push({ what: `${name} has ${connections} of ${limits.connections} connections`, next })
  }
  const share = disk.used / (disk.used + disk.free)
  if (services.length > 0 && share >= warnedShare) {
    found.push({
      what: `${disk.folder} has the data of services and is full to ${Math.floor(share * 100)} %: on a full disk they refuse writes`,
      next: `lading clean; what fills it: du -xh --max-depth=3 ${disk.folder} | sort -h | tail -20`,
    })
  }
  return found
}
