import type { StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { lookup } from 'node:dns/promises'
import { z } from 'zod'
import { defaults } from '../../core/defaults.ts'
import { AppError, asAppError } from '../../core/errors.ts'
import { label } from '../../core/labels.ts'
import { stoppedOf, stoppedSentence } from '../../core/stopped.ts'
import { systemClock } from '../../core/system.ts'
import { backupFacts } from './backup.ts'
import { certificateShown } from '../platform/certificate-shown.ts'
import type { Check } from '../host/checks.ts'
import { askSocket, engine, engineAnswers, find } from '../swarm/engine-call.ts'
import { checkEngine } from '../swarm/engine-check.ts'
import { readIfThere } from '../../lib/files.ts'
import { checkKeptLines } from '../platform/follower.ts'
import { GiB, gib } from '../../lib/format.ts'
import { apiHost } from '../platform/hello.ts'
import type { Machine } from '../host/machine.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { closedToVisitors, readOtherFirewalls } from '../firewall/other-firewalls.ts'
import { paths } from '../paths.ts'
import { runProgram } from '../host/run-program.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'

const dayMs = 24 * 3_600_000
/** Less and a build or the database fills it (bytes; share of all inodes). */
const leastDisk = 2 * GiB
const leastInodes = 0.05
/** The control plane renews those of the edge long before; the platform's own CA lasts ten years. */
const certificateDays = { edge: 7, authority: 90 }
/** Longer than any build, boot and warm time together. */
const stuckMs = 2 * 3_600_000

/** What is looked at, in this order: what `up` makes, step by step, then what it does not make. */
export function doctorChecks(site: Site, machine: Machine, steps: readonly Step[]): readonly Check[] {
  return [
    { title: 'disk', stopsUpgrade: true, look: checkDisk },
    { title: 'clock', stopsUpgrade: true, look: signal => checkClock(machine, signal) },
    { title: 'engine', stopsUpgrade: true, look: signal => checkEngine(machine, signal) },
    { title: 'apps on the disk', look: ifEngine(checkStopped) },
    ...steps.filter(({ isDoctorsOwn }) => !isDoctorsOwn).map(asMade),
    { title: "engine's own rules", stopsUpgrade: true, look: ifEngine(checkEngineRules) },
    { title: 'way in', look: checkWayIn },
    { title: 'edge', stopsUpgrade: true, look: signal => checkEdge(site, signal) },
    { title: 'certificates', stopsUpgrade: true, look: () => checkAuthority() },
    { title: 'domains', look: checkDomains },
    { title: 'DNS', look: signal => checkDns(site, signal) },
    { title: 'kept lines', look: checkKeptLines },
    { title: 'backups', look: checkBackups },
    { title: 'event loop', look: checkLoop },
    { title: 'refused by source', look: checkRefused },
    { title: 'runs', stopsUpgrade: true, look: checkRuns },
    { title: 'orphans', look: ifEngine(checkOrphans) },
  ]
}

/** The law of steps: one is done when its check says so. */
function asMade({ title, check, explain }: Step): Check {
  return {
    title,
    look: async signal => {
      try {
        const fact = await check(signal)
        if (fact !== null) return fact
        const known = (await explain?.(signal)) ?? null
        if (known !== null) return known
        return [{ what: 'is missing, or not as this version makes it', next: 'lading up' }]
      } catch (thrown) {
        signal.throwIfAborted()
        if (!(thrown instanceof AppError)) throw thrown
        const { code, message, details, hint } = thrown
        if (code === 'unavailable' && !(await engineAnswers(signal))) return 'not asked: it needs the engine'
        return [{ what: [message, ...details].join('; '), next: hint ?? 'lading up' }]
      }
    },
  }
}

function ifEngine(look: Check['look']): Check['look'] {
  return async signal => ((await engineAnswers(signal)) ? look(signal) : 'not asked: it needs the engine')
}

const root = z.object({ DockerRootDir: z.string() })

/** Ours, and the engine's, which may be another one. */
async function checkDisk(signal: AbortSignal): Promise<string | Obstacle[]> {
  const folders = ['/var/lib']
  if (await engineAnswers(signal))
    folders.push(root.parse(await engine.json({ method: 'GET', path: '/info' }, signal)).DockerRootDir)
  const disks = await Promise.all(folders.map(folder => statfs(folder)))
  const found = disks.flatMap((disk, at) => obstaclesOf(folders[at]!, disk))
  if (found.length > 0) return found
  return `${gib(Math.min(...disks.map(({ bavail, bsize }) => bavail * bsize)))} free`
}

const stoppable = z.array(z.object({ Spec: z.object({ Labels: z.record(z.string(), z.string()) }) }))

/** Who was stopped because the disk was nearly full (docs/design/disk-guard.md), until his next release. */
async function checkStopped(signal: AbortSignal): Promise<string | Obstacle[]> {
  const query = { filters: JSON.stringify({ label: [label.stopped] }) }
  const services = stoppable.parse((await find({ method: 'GET', path: '/services', query }, signal)) ?? [])
  const found = services.flatMap(({ Spec: { Labels: labels } }) => {
    const stopped = stoppedOf(labels)
    if (stopped === null) return []
    const sentence = stoppedSentence(labels[label.type] ?? '?', labels[label.release] ?? '?', stopped)
    const app = labels[label.app] ?? '?'
    return [{ what: `${app}: ${sentence}`, next: `Its owner mends it; lading deploy --app ${app} starts it again` }]
  })
  return found.length > 0 ? found : 'none was stopped for what it wrote'
}

function obstaclesOf(folder: string, { bavail, bsize, files, ffree }: StatsFs): Obstacle[] {
  const free = bavail * bsize
  const found: Obstacle[] = []
  if (free < leastDisk)
    found.push({
      what: `${folder} has ${gib(free)} free; below ${gib(defaults.buildDiskBytes)} no build begins`,
      next: `lading clean; what fills it: du -xh --max-depth=3 ${folder} | sort -h | tail -20`,
    })
  if (files > 0 && ffree < files * leastInodes)
    found.push({
      what: `${folder} has ${ffree} of ${files} inodes free: soon no file can be made, however much space there is`,
      next: `lading clean; where they are: du --inodes -x --max-depth=3 ${folder} | sort -n | tail -20`,
    })
  return found
}

/** Certificates, leases of a cluster and tokens go by it. */
async function checkClock({ hasSystemd }: Machine, signal: AbortSignal): Promise<string | Obstacle[]> {
  const now = `${new Date(systemClock.now()).toISOString().slice(0, 16)}Z`
  if (!hasSystemd) return `${now}; nobody here knows whether a time server keeps it`
  const args = ['show', '--property=NTPSynchronized', '--value']
  const kept = await runProgram('timedatectl', args, {}, signal).catch(() => 'unknown')
  if (kept !== 'no') return now
  return [
    {
      what: `it says ${now}, and no time server keeps it`,
      next: 'Start the one that is installed (chrony, ntpsec); where there is none: apt-get install systemd-timesyncd && timedatectl set-ntp true',
    },
  ]
}

/** Whoever flushes all tables takes the engine's with them: containers lose their network, ours stays whole. */
async function checkEngineRules(signal: AbortSignal): Promise<string | Obstacle[]> {
  try {
    const rules = await runProgram('iptables', ['-t', 'nat', '-S', 'PREROUTING'], {}, signal)
    if (/-j DOCKER$/m.test(rules)) return 'are loaded'
  } catch (error) {
    signal.throwIfAborted()
    if (asAppError(error).code === 'unavailable') return 'not asked: there is no iptables here'
  }
  return [
    {
      what: 'are gone; something has flushed all tables (systemctl restart nftables does)',
      next: 'systemctl restart docker; without systemd: end dockerd, then lading boot',
    },
  ]
}

/** Other firewalls of this machine, as far as its rules tell; what stands before it nobody here can see. */
async function checkWayIn(signal: AbortSignal): Promise<string | Obstacle[]> {
  const closed = closedToVisitors(await readOtherFirewalls(signal))
  return closed.length > 0 ? closed : 'no firewall of this machine refuses 80 and 443'
}

/** The certificate that the edge shows for the platform's own host, checked as a client would. */
async function checkEdge(site: Site, signal: AbortSignal): Promise<string | Obstacle[]> {
  const host = apiHost(site)
  const shown = await shownHere('127.0.0.1', host, signal)
  if (typeof shown === 'string') {
    const next = 'lading up; what its keeper says: docker logs --tail 50 NAME, by docker ps --filter name=lading-keeper'
    return [{ what: `shows no good certificate for ${host}: ${shown}`, next }]
  }
  const days = daysUntil(shown)
  if (days >= certificateDays.edge) return `https, certificate of ${host} good for ${days} days`
  return [
    {
      what: `its certificate of ${host} ends in ${days} days and was not renewed`,
      next: 'docker service logs --tail 50 lading-control says why',
    },
  ]
}

async function checkAuthority(): Promise<string | Obstacle[]> {
  const text = await readIfThere(paths.caCertificate)
  if (text === null) return [{ what: `${paths.caCertificate} is missing`, next: 'lading up' }]
  const { X509Certificate } = await import('node:crypto')
  const days = daysUntil(new Date(new X509Certificate(text).validTo))
  if (days >= certificateDays.authority) return `the platform's own CA is good for ${days} days`
  return [
    {
      what: `the platform's own CA ends in ${days} days; nobody will trust its certificates then`,
      next: `Move ${paths.ca} away, run "lading up" and docker service update --force lading-control; give everybody the new ${paths.caCertificate}.`,
    },
  ]
}

/** Whether each address of the platform's name shows our certificate. */
async function checkDns(site: Site, signal: AbortSignal): Promise<string | Obstacle[]> {
  const host = apiHost(site)
  if (/(^|\.)localhost$/.test(host)) return 'not needed: names below localhost stay on a machine'
  const found = await lookup(host, { all: true }).catch(() => [])
  const record = `*.${site.decisions.baseDomain}`
  if (found.length === 0)
    return [{ what: `${host} has no address`, next: `Point ${record} at this machine (an A record).` }]
  const astray: string[] = []
  for (const { address } of found) if (!((await shownHere(address, host, signal)) instanceof Date)) astray.push(address)
  const all = found.map(({ address }) => address).join(', ')
  if (astray.length === 0) return `${host} is ${all}, and leads here`
  return [
    {
      what: `${host} is ${all}, and seen from here our edge does not answer at ${astray.join(', ')}`,
      next: `Point ${record} at this machine by an A record alone, or open 80 and 443 on the way (lading up --check lists the ports).`,
    },
  ]
}

const certificates = z.object({ hosts: z.array(z.unknown()), warnings: z.array(z.string()) })

/** Certificates near their end, and those that are refused: the control plane knows of each. */
async function checkDomains(signal: AbortSignal): Promise<string | Obstacle[]> {
  const told = await askSocket(paths.controlSocket, '/v1/certificates', signal)
  if (told === null) return unasked
  const { hosts, warnings } = certificates.parse(told)
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
async function checkBackups(signal: AbortSignal): Promise<string | Obstacle[]> {
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
async function checkLoop(signal: AbortSignal): Promise<string | Obstacle[]> {
  const told = await askSocket(paths.controlSocket, '/v1/version', signal)
  if (told === null) return unasked
  const { loop } = loopFacts.parse(told)
  if (loop === undefined) return 'not told by this control plane'
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

/** That somebody was refused is no fault: it is what limits per source address are for. */
async function checkRefused(signal: AbortSignal): Promise<string> {
  const told = await askSocket(paths.controlSocket, '/v1/version', signal)
  if (told === null) return unasked
  const counts = refusedFacts.parse(told).nodes.flatMap(({ keeper }) => keeper?.refused ?? [])
  if (counts.length === 0) return 'not told by this keeper'
  const sum = (name: 'requests' | 'connections') => counts.reduce((all, one) => all + one[name], 0)
  return `${sum('requests')} requests, ${sum('connections')} connections since the edge began`
}

/** `live` is one that serves, in its warm time. */
async function checkRuns(signal: AbortSignal): Promise<string | Obstacle[]> {
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
async function checkOrphans(signal: AbortSignal): Promise<string | Obstacle[]> {
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

/** By the platform's own CA. */
async function shownHere(address: string, host: string, signal: AbortSignal): Promise<Date | string> {
  const ca = await readIfThere(paths.caCertificate)
  return ca === null ? `${paths.caCertificate} is missing` : certificateShown({ address, host, ca }, signal)
}

function utc(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16)}Z`
}

function daysUntil(date: Date): number {
  return Math.floor((date.getTime() - systemClock.now()) / dayMs)
}
