import { z } from 'zod'
import { defaults } from '../../core/defaults.ts'
import { label } from '../../core/labels.ts'
import { systemClock } from '../../core/system.ts'
import { backupFacts } from '../commands/backup.ts'
import { paths } from '../paths.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { askSocket, find } from '../swarm/engine-call.ts'

/** Longer than any build, boot and observation window together. */
const stuckMs = 2 * 3_600_000

const certificates = z.object({ hosts: z.array(z.unknown()), warnings: z.array(z.string()) })

/** Certificates near their end, and those that are refused: the control plane knows of each. */
export async function checkDomains(signal: AbortSignal): Promise<string | Obstacle[]> {
  const answer = await askSocket(paths.controlSocket, '/v1/certificates', signal)
  if (answer === null) return unasked
  const { hosts, warnings } = certificates.parse(answer)
  if (warnings.length === 0) return `${hosts.length} hosts, each with a good certificate`
  return warnings.map(what => ({ what, next: 'lading certs; lading acme status' }))
}

const appList = z.array(
  z.object({
    app: z.string(),
    environments: z.array(
      z.object({ running: z.array(z.object({ id: z.string(), state: z.string(), changedAt: z.number() })) }),
    ),
  }),
)

const unasked = 'not asked: the control plane does not answer'

/** Null when the control plane does not answer. */
async function knownApps(signal: AbortSignal): Promise<z.infer<typeof appList> | null> {
  const list = await askSocket(paths.controlSocket, '/v1/apps', signal)
  return list === null ? null : appList.parse(list)
}

/** A failure is loud until one has succeeded; so is a schedule that did not run. */
export async function checkBackups(signal: AbortSignal): Promise<string | Obstacle[]> {
  const known = await backupFacts(signal)
  if (known === null) return unasked
  const { schedule, last, lastGood, overdue } = known
  if (!schedule.on) return 'none are made by themselves (lading backup schedule --on)'
  const good = lastGood === null ? 'none was made yet' : `the last good one is of ${utc(lastGood.at)}`
  if (last?.failed)
    return [
      {
        what: `the last one failed, ${utc(last.at)}: ${last.failed.message}; ${good}`,
        next: [last.failed.hint, 'Then: lading backup'].filter(Boolean).join(' '),
      },
    ]
  if (overdue)
    return [{ what: `are overdue: ${good}, and one is due every ${schedule.everyHours} h`, next: 'lading backup' }]
  return `${good}, in ${schedule.to}`
}

const loopFacts = z.object({ loop: z.object({ minutes: z.number(), p99: z.number(), worst: z.number() }).optional() })

/** A loop that is held for the length of a lease loses it. */
export async function checkLoop(signal: AbortSignal): Promise<string | Obstacle[]> {
  const answer = await askSocket(paths.controlSocket, '/v1/version', signal)
  if (answer === null) return unasked
  const { loop } = loopFacts.parse(answer)
  if (loop === undefined) return 'not reported by this control plane'
  const when = loop.minutes === 0 ? 'in the first minute' : `in the last ${loop.minutes} min`
  const fact = `late by ${loop.worst} ms at worst ${when}, 99 of 100 turns by ${loop.p99} ms at most`
  if (loop.worst < defaults.leaseMs / 4) return fact
  return [
    { what: `the control plane was held: ${fact}`, next: 'docker service logs --tail 50 lading-control says when' },
  ]
}

const refusedFacts = z.object({
  nodes: z.array(
    z.object({
      keeper: z.object({ refused: z.object({ requests: z.number(), connections: z.number() }).nullish() }).nullish(),
    }),
  ),
})

/** That some were refused is no fault: it is what limits per source address are for. */
export async function checkRefused(signal: AbortSignal): Promise<string> {
  const answer = await askSocket(paths.controlSocket, '/v1/version', signal)
  if (answer === null) return unasked
  const counts = refusedFacts.parse(answer).nodes.flatMap(({ keeper }) => keeper?.refused ?? [])
  if (counts.length === 0) return 'not reported by this keeper'
  const sum = (name: 'requests' | 'connections') => counts.reduce((all, one) => all + one[name], 0)
  return `${sum('requests')} requests, ${sum('connections')} connections since the edge began`
}

/** `live` is one that serves, in its observation window. */
export async function checkRuns(signal: AbortSignal): Promise<string | Obstacle[]> {
  const apps = await knownApps(signal)
  if (apps === null) return unasked
  const running = apps.flatMap(({ app, environments }) =>
    environments.flatMap(environment => environment.running.map(run => ({ app, ...run }))),
  )
  const stuck = running.filter(run => systemClock.now() - run.changedAt > stuckMs)
  if (stuck.length === 0) return `${running.length} on their way`
  return stuck.map(({ app, id, state, changedAt }) => ({
    what: `${app}: ${id} is ${state} since ${new Date(changedAt).toISOString().slice(0, 16)}Z`,
    next: `lading runs show ${id}; before its point of no return: lading runs cancel ${id}`,
  }))
}

const labelled = z.array(
  z.object({ Spec: z.object({ Name: z.string(), Labels: z.record(z.string(), z.string()).nullish() }) }),
)

/** Services of apps that the control plane does not know: its sweep takes them away, unless it does not get to it. */
export async function checkOrphans(signal: AbortSignal): Promise<string | Obstacle[]> {
  const apps = await knownApps(signal)
  if (apps === null) return unasked
  const known = new Set(apps.map(({ app }) => app))
  const services = labelled.parse((await find({ method: 'GET', path: '/services' }, signal)) ?? [])
  const orphans = services.filter(({ Spec }) => {
    const { [label.app]: app, [label.role]: role } = Spec.Labels ?? {}
    return app !== undefined && role !== 'platform' && !known.has(app)
  })
  if (orphans.length === 0) return 'none'
  return orphans.map(({ Spec: { Name } }) => ({
    what: `service ${Name} belongs to no app`,
    next: `It goes within some minutes; if it does not: docker service rm ${Name}`,
  }))
}

function utc(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16)}Z`
}
