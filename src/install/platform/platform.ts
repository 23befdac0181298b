import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { readTrial, trialFile, type Trial } from '../../cluster/trial.ts'
import { AppError } from '../../core/errors.ts'
import { registryName } from '../../core/names.ts'
import { systemClock } from '../../core/system.ts'
import { lastServiceLines } from './container-log.ts'
import { askSocket, engine } from '../swarm/engine-call.ts'
import { writeWhole } from '../../lib/files.ts'
import { openForwarder } from './forwarder.ts'
import { paths } from '../paths.ts'
import { converge, failedTasks, findService, isUp, refuseCrashLoop } from './platform-service.ts'
import { platformVersion } from '../images/recipes.ts'
import { runProgram } from '../host/run-program.ts'
import { controlService, registryService, specKey, type PlatformService, type ServiceFacts } from './services.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { platformNetwork } from '../swarm/swarm.ts'
import { dataKeyId } from '../swarm/trust.ts'
import { waitFor } from '../steps/waiting.ts'

/** How a new control plane proves itself before it opens its listeners (docs/design/upgrade.md). */
export interface Proving {
  /** Path of the copy of the store that it makes first. */
  readonly snapshot: string
  /** So long it may take. */
  readonly seconds: number
}

/** An answer within so long, where nothing is to be proven (s). */
const answerSeconds = 120

/**
 * The platform's swarm services: the registry, the two images that apps are made from in it, the control plane. One that
 * replaces another has to prove itself, where `proving` says how.
 */
export function platformSteps(site: Site, proving: Proving | null = null, seconds = answerSeconds): Step[] {
  return [
    serviceStep('registry', site, {
      make: registryService,
      isServing: async (_release, signal) => (await askSocket(paths.registrySocket, '/v2/', signal)) !== null,
    }),
    pushStep('base', site),
    pushStep('node', site),
    serviceStep('control plane', site, {
      make: controlService,
      isServing: async (release, signal) =>
        (await askSocket(paths.controlSocket, '/v1/healthz', signal)) !== null &&
        (await readTrial(paths.control, release)) === null,
      seconds,
      ...(proving && { prepare: release => putOnTrial(release, proving), seconds: proving.seconds }),
    }),
  ]
}

interface Serving {
  readonly make: (facts: ServiceFacts) => PlatformService
  readonly isServing: (release: number, signal: AbortSignal) => Promise<boolean>
  /** Before it is replaced by a release that is made from something else. */
  readonly prepare?: (release: number, signal: AbortSignal) => Promise<void>
  readonly seconds?: number
}

function serviceStep(title: string, site: Site, { make, isServing, prepare, seconds = answerSeconds }: Serving): Step {
  return {
    title,
    check: async signal => {
      const service = make(await readFacts(site, signal))
      const present = await findService(service.name, signal)
      if (present?.key !== specKey(service)) return null
      const serves = (await isUp(service.name, present.release, signal)) && (await isServing(present.release, signal))
      return serves ? `${service.name} v${present.release}` : null
    },
    act: async (say, signal) => {
      const service = make(await readFacts(site, signal))
      const present = await findService(service.name, signal)
      if (present !== null && present.key !== specKey(service)) await prepare?.(present.release + 1, signal)
      await converge(service, signal)
      const release = (await findService(service.name, signal))?.release ?? 0
      const before = await failedTasks(service.name, signal)
      const ready = async () => {
        await refuseCrashLoop(service.name, before, signal)
        return (await isUp(service.name, release, signal)) && (await isServing(release, signal)) ? true : null
      }
      say(prepare === undefined ? 'waiting for it to answer' : 'waiting until it has proven itself')
      const hint = `See: docker service ps --no-trunc ${service.name}`
      const details = () => lastServiceLines(service.name, signal)
      const what = { title: `${service.name} does not answer`, seconds, hint, details }
      await waitFor(what, ready, { clock: systemClock, signal })
    },
  }
}

async function putOnTrial(release: number, { snapshot }: Proving): Promise<void> {
  await mkdir(dirname(snapshot), { recursive: true, mode: 0o700 })
  await writeWhole(trialFile(paths.control), JSON.stringify({ release, snapshot } satisfies Trial) + '\n', 0o600)
}

async function readFacts(site: Site, signal: AbortSignal): Promise<ServiceFacts> {
  const info = z
    .object({ Swarm: z.object({ NodeID: z.string() }) })
    .parse(await engine.json({ method: 'GET', path: '/info' }, signal))
  const network = z
    .object({ Id: z.string() })
    .parse(await engine.json({ method: 'GET', path: `/networks/${platformNetwork}` }, signal))
  const key = await dataKeyId(signal)
  if (key === null) throw new AppError('not-found', 'the data key is not in the swarm')
  return {
    decisions: site.decisions,
    nodeId: info.Swarm.NodeID,
    networkId: network.Id,
    dataKeyId: key,
    version: await platformVersion(),
  }
}

/** An image that apps are built on, in the registry by its key; what it is called from then on is its digest. */
function pushStep(name: 'base' | 'node', site: Site): Step {
  const repository = `${registryName}/lading/${name}`
  const image = () => {
    const found = site.decisions.images[name]
    if (found === undefined) throw new AppError('not-found', `the image ${name} is not built`)
    return found
  }
  return {
    title: `${name} in the registry`,
    check: async signal => {
      const { digest } = image()
      if (digest === null || !(await isInRegistry(name, digest, signal))) return null
      return `${repository}@${digest.slice(0, 19)}…`
    },
    act: async (say, signal) => {
      const { key, id } = image()
      const digest = await push(name, { key, id, say }, signal)
      await site.change({ images: { ...site.decisions.images, [name]: { key, id, digest } } })
    },
  }
}

interface PushJob {
  readonly key: string
  readonly id: string
  readonly say: (line: string) => void
}

/** Returns the digest. The way for writing is the registry's socket; the engine reaches it through a loopback port. */
async function push(name: string, { key, id, say }: PushJob, signal: AbortSignal): Promise<string> {
  await using forwarder = await openForwarder(paths.registrySocket)
  const tag = `127.0.0.1:${forwarder.port}/lading/${name}:${key}`
  await runProgram('docker', ['tag', id, tag], {}, signal)
  try {
    const said = await runProgram('docker', ['push', tag], { say }, signal)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(said)?.[1]
    if (digest === undefined) throw new AppError('internal', `docker push of ${name} reported no digest`)
    return digest
  } finally {
    await untag(id, signal)
  }
}

/** Takes away the names that this push, and pushes that were killed, gave the image. */
async function untag(id: string, signal: AbortSignal): Promise<void> {
  const image = await engine.json({ method: 'GET', path: `/images/${id}/json` }, signal)
  const { RepoTags } = z.object({ RepoTags: z.array(z.string()).nullish() }).parse(image)
  const ours = (RepoTags ?? []).filter(name => /^127\.0\.0\.1:\d+\/lading\//.test(name))
  if (ours.length > 0) await runProgram('docker', ['rmi', '--no-prune', ...ours], {}, signal)
}

async function isInRegistry(name: string, digest: string, signal: AbortSignal): Promise<boolean> {
  return (await askSocket(paths.registrySocket, `/v2/lading/${name}/manifests/${digest}`, signal)) !== null
}
