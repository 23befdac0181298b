import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { label } from '../../core/labels.ts'
import { systemClock } from '../../core/system.ts'
import { lastServiceLines } from './container-log.ts'
import { engine, filters, find } from '../swarm/engine-call.ts'
import { serviceJson, specKey, specLabel, type PlatformService } from './services.ts'
import { waitFor } from '../steps/waiting.ts'

/** A swarm service's specification as the engine gives it: kept whole, to go back to it. */
export type ServiceSpec = z.infer<typeof serviceSpec>

const environmentList = z.array(z.string()).nullish()

export const serviceSpec = z.looseObject({
  Labels: z.record(z.string(), z.string()).nullish(),
  Mode: z.looseObject({ Replicated: z.looseObject({ Replicas: z.number().nullish() }).nullish() }).nullish(),
  TaskTemplate: z.looseObject({
    ContainerSpec: z.looseObject({
      Image: z.string(),
      Labels: z.record(z.string(), z.string()).nullish(),
      Env: environmentList,
    }),
  }),
})

const serviceView = z.object({ ID: z.string(), Version: z.object({ Index: z.number() }), Spec: serviceSpec })

export interface FoundService {
  readonly id: string
  /** Of the object in Swarm, for compare-and-swap. */
  readonly version: number
  readonly release: number
  readonly key: string | undefined
  readonly image: string
  readonly spec: ServiceSpec
}

export async function findService(name: string, signal: AbortSignal): Promise<FoundService | null> {
  const found = await find({ method: 'GET', path: `/services/${name}` }, signal)
  if (found === null) return null
  const { ID, Version, Spec } = serviceView.parse(found)
  const labels = Spec.Labels ?? {}
  return {
    id: ID,
    version: Version.Index,
    release: Number(labels[label.release] ?? 0),
    key: labels[specLabel],
    image: Spec.TaskTemplate.ContainerSpec.Image,
    spec: Spec,
  }
}

/** Creates the service, or updates it to its next release where it is made from something else. */
export async function converge(service: PlatformService, signal: AbortSignal): Promise<void> {
  const present = await findService(service.name, signal)
  if (present === null) {
    await engine.json({ method: 'POST', path: '/services/create', body: serviceJson(service, 1) }, signal)
    return
  }
  if (present.key === specKey(service)) return
  await update(present, serviceJson(service, present.release + 1), signal)
}

/** The next release is made from what an earlier one was made from. */
export async function convergeTo(name: string, spec: ServiceSpec, signal: AbortSignal): Promise<void> {
  const present = await findService(name, signal)
  if (present === null) throw new AppError('not-found', `the service ${name} is gone`, { hint: 'Run: lading up' })
  await update(present, withRelease(spec, present.release + 1), signal)
}

/** Ends its container and starts none. */
export async function stopService(name: string, signal: AbortSignal): Promise<void> {
  const present = await findService(name, signal)
  if (present === null) return
  await update(present, { ...present.spec, Mode: { Replicated: { Replicas: 0 } } }, signal)
  const ended = async () => ((await containersOf(name, signal)).length === 0 ? true : null)
  const what = {
    title: `${name} does not end`,
    seconds: 120,
    hint: `To end it at once: docker kill NAME, by docker ps`,
  }
  await waitFor(what, ended, { clock: systemClock, signal })
}

async function update(present: FoundService, body: unknown, signal: AbortSignal): Promise<void> {
  const path = `/services/${present.id}/update`
  await engine.json({ method: 'POST', path, query: { version: present.version }, body }, signal)
}

/** Releases of a service count upwards, also on the way back: each has a lane of its own at the edge. */
export function withRelease(spec: ServiceSpec, release: number): ServiceSpec {
  const { TaskTemplate, Labels } = spec
  const { ContainerSpec } = TaskTemplate
  const number = { [label.release]: String(release) }
  const env = (ContainerSpec.Env ?? []).map(line =>
    /^LADING_RELEASE=/.test(line) ? `LADING_RELEASE=${release}` : line,
  )
  return {
    ...spec,
    Labels: { ...Labels, ...number },
    TaskTemplate: {
      ...TaskTemplate,
      ContainerSpec: { ...ContainerSpec, Labels: { ...ContainerSpec.Labels, ...number }, Env: env },
    },
  }
}

/** Null when there is none of that name. */
export function environmentOf(spec: ServiceSpec, name: string): string | null {
  const line = (spec.TaskTemplate.ContainerSpec.Env ?? []).find(each => each.startsWith(`${name}=`))
  return line === undefined ? null : line.slice(name.length + 1)
}

const taskList = z.array(z.object({ ID: z.string(), Status: z.object({ State: z.string() }) }))

/** Swarm keeps the last few. One that was rejected is no crash: after an engine's restart that happens once or twice. */
export async function failedTasks(service: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const list = await engine.json({ method: 'GET', path: '/tasks', query: filters({ service: [service] }) }, signal)
  return new Set(taskList.parse(list).flatMap(task => (task.Status.State === 'failed' ? [task.ID] : [])))
}

/** Three crashes are enough to know; no one waits for the deadline then. */
export async function refuseCrashLoop(
  service: string,
  before: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const failed = [...(await failedTasks(service, signal))].filter(id => !before.has(id))
  if (failed.length < 3) return
  const details = await lastServiceLines(service, signal)
  throw new AppError('not-healthy', `${service} crashes when it starts`, { details })
}

/** This release's container runs here and no other release's does: an answer on the socket is then its own. */
export async function isUp(name: string, release: number, signal: AbortSignal): Promise<boolean> {
  const running = await containersOf(name, signal)
  if (running.length !== 1) return false
  const config = await engine.json({ method: 'GET', path: `/containers/${running[0]}/json` }, signal)
  const view = z.object({ Config: z.object({ Labels: z.record(z.string(), z.string()) }) }).parse(config)
  return view.Config.Labels[label.release] === String(release)
}

/** Ids of those that run. */
async function containersOf(service: string, signal: AbortSignal): Promise<readonly string[]> {
  const query = filters({ label: [`${label.role}=platform`, `com.docker.swarm.service.name=${service}`] })
  const list = await engine.json({ method: 'GET', path: '/containers/json', query }, signal)
  return z
    .array(z.object({ Id: z.string() }))
    .parse(list)
    .map(({ Id }) => Id)
}
