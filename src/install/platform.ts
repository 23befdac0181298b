import { z } from 'zod'
import { label } from '../core/labels.ts'
import { AppError } from '../core/errors.ts'
import { registryName } from '../core/names.ts'
import { systemClock } from '../core/system.ts'
import { lastServiceLines } from './container-log.ts'
import { askSocket, engine, filters, find } from './engine-call.ts'
import { paths } from './paths.ts'
import { platformVersion } from './recipes.ts'
import { openForwarder } from './forwarder.ts'
import { runProgram } from './run-program.ts'
import {
  controlService,
  registryService,
  serviceJson,
  specKey,
  specLabel,
  type PlatformService,
  type ServiceFacts,
} from './services.ts'
import type { Site } from './site.ts'
import type { Step } from './steps.ts'
import { platformNetwork } from './swarm.ts'
import { dataKeyId } from './trust.ts'
import { waitFor } from './waiting.ts'

/** The platform's swarm services: the registry, the two images that apps are made from in it, the control plane. */
export function platformSteps(site: Site): Step[] {
  return [
    serviceStep('registry', site, registryService, { socket: paths.registrySocket, path: '/v2/' }),
    pushStep('base', site),
    pushStep('node', site),
    serviceStep('control plane', site, controlService, { socket: paths.controlSocket, path: '/v1/healthz' }),
  ]
}

function serviceStep(
  title: string,
  site: Site,
  make: (facts: ServiceFacts) => PlatformService,
  proof: { readonly socket: string; readonly path: string },
): Step {
  return {
    title,
    check: async signal => {
      const service = make(await readFacts(site, signal))
      const present = await findService(service.name, signal)
      if (present?.labels[specLabel] !== specKey(service)) return null
      if (!(await isUp(service, present.release, signal))) return null
      if ((await askSocket(proof.socket, proof.path, signal)) === null) return null
      return `${service.name} v${present.release}`
    },
    act: async (say, signal) => {
      const service = make(await readFacts(site, signal))
      await converge(service, signal)
      const release = (await findService(service.name, signal))?.release ?? 0
      const before = await failedTasks(service.name, signal)
      const ready = async () => {
        await refuseCrashLoop(service.name, before, signal)
        if (!(await isUp(service, release, signal))) return null
        return (await askSocket(proof.socket, proof.path, signal)) === null ? null : true
      }
      say('waiting for it to answer')
      const hint = `See: docker service ps --no-trunc ${service.name}`
      const details = () => lastServiceLines(service.name, signal)
      const what = { title: `${service.name} does not answer`, seconds: 120, hint, details }
      await waitFor(what, ready, { clock: systemClock, signal })
    },
  }
}

const taskList = z.array(z.object({ ID: z.string(), Status: z.object({ State: z.string() }) }))

/** Swarm keeps the last few. One that was rejected is no crash: after an engine's restart that happens once or twice. */
async function failedTasks(service: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const list = await engine.json({ method: 'GET', path: '/tasks', query: filters({ service: [service] }) }, signal)
  return new Set(taskList.parse(list).flatMap(task => (task.Status.State === 'failed' ? [task.ID] : [])))
}

/** Three crashes are enough to know; nobody waits for the deadline then. */
async function refuseCrashLoop(service: string, before: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
  const failed = [...(await failedTasks(service, signal))].filter(id => !before.has(id))
  if (failed.length < 3) return
  const details = await lastServiceLines(service, signal)
  throw new AppError('not-healthy', `${service} crashes when it starts`, { details })
}

/** Creates the service, or updates it to its next release where it is made from something else. */
async function converge(service: PlatformService, signal: AbortSignal): Promise<void> {
  const present = await findService(service.name, signal)
  if (present === null) {
    await engine.json({ method: 'POST', path: '/services/create', body: serviceJson(service, 1) }, signal)
    return
  }
  if (present.labels[specLabel] === specKey(service)) return
  const path = `/services/${present.id}/update`
  const body = serviceJson(service, present.release + 1)
  await engine.json({ method: 'POST', path, query: { version: present.version }, body }, signal)
}

const serviceView = z.object({
  ID: z.string(),
  Version: z.object({ Index: z.number() }),
  Spec: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
})

async function findService(name: string, signal: AbortSignal) {
  const found = await find({ method: 'GET', path: `/services/${name}` }, signal)
  if (found === null) return null
  const view = serviceView.parse(found)
  const labels = view.Spec.Labels ?? {}
  return { id: view.ID, version: view.Version.Index, labels, release: Number(labels[label.release] ?? 0) }
}

const containers = z.array(z.object({ Id: z.string(), State: z.string() }))

/** This release's container runs here and no other release's does: an answer on the socket is then its own. */
async function isUp(service: PlatformService, release: number, signal: AbortSignal): Promise<boolean> {
  const query = filters({ label: [`${label.role}=platform`, `com.docker.swarm.service.name=${service.name}`] })
  const running = containers.parse(await engine.json({ method: 'GET', path: '/containers/json', query }, signal))
  if (running.length !== 1) return false
  const config = await engine.json({ method: 'GET', path: `/containers/${running[0]?.Id}/json` }, signal)
  const view = z.object({ Config: z.object({ Labels: z.record(z.string(), z.string()) }) }).parse(config)
  return view.Config.Labels[label.release] === String(release)
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

/** Returns the digest. The door for writing is the registry's socket; the engine reaches it through a loopback port. */
async function push(name: string, { key, id, say }: PushJob, signal: AbortSignal): Promise<string> {
  await using door = await openForwarder(paths.registrySocket)
  const tag = `127.0.0.1:${door.port}/lading/${name}:${key}`
  await runProgram('docker', ['tag', id, tag], {}, signal)
  try {
    const said = await runProgram('docker', ['push', tag], { say }, signal)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(said)?.[1]
    if (digest === undefined) throw new AppError('internal', `docker push of ${name} told no digest`)
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
