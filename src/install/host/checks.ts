import { statfs } from 'node:fs/promises'
import { z } from 'zod'
import { AppError, asAppError } from '../../core/errors.ts'
import { label } from '../../core/labels.ts'
import { systemClock } from '../../core/system.ts'
import { engine, engineAnswers, engineVersion, filters } from '../swarm/engine-call.ts'
import { GiB, gib } from '../../lib/format.ts'
import { missingControllers, missingKernelFeatures } from './kernel.ts'
import { choosePlace } from './network.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { closedToContainers, closedToVisitors, readOtherFirewalls } from '../firewall/other-firewalls.ts'
import { checkout } from '../paths.ts'
import { findPortHolders, totalMemory, type PortHolder } from './ports-in-use.ts'
import type { StepProgress } from '../steps/progress.ts'
import { imageNames } from '../images/recipes.ts'
import { runProgram } from './run-program.ts'
import type { Site } from '../steps/site.ts'
import { foreignSwarm, requireOwnSwarm, settledSwarm, type SwarmState } from '../swarm/swarm-state.ts'

/** For images and their layers in the builder; with the images there, for what an upgrade adds. */
const leastDisk = { first: 3 * GiB, later: 0.5 * GiB }
const leastMemory = 0.9 * GiB
/** The edge's, Swarm's, and the registry's on the loopback (ARCHITECTURE.md). */
const ports = { tcp: [80, 443, 2377, 5443, 7946], udp: [4789, 7946] }
const swarmPorts = [2377, 4789, 7946]
/** An engine's swarm may take half a minute to start. */
const lookMs = 60_000
const nextOfUnknown = 'lading up, if nothing else below says what to do'
/** Debian 12's (decision: swarm-is-the-cluster): older ones are not tested. */
export const oldestEngine = '20.10'

/** One thing that must be so before anything is changed. */
export interface Check {
  readonly title: string
  /** `lading up` says what it found, in its one line of all checks. */
  readonly isReported?: true
  /** What is wrong there would be what an upgrade goes back to: it does not begin. */
  readonly stopsUpgrade?: true
  /** In a few words what is so, or all that stands in the way. Changes nothing. */
  readonly look: (signal: AbortSignal) => Promise<string | readonly Obstacle[]>
}

/** How a check went. */
export interface Diagnosis {
  readonly title: string
  /** Null: obstacles stand in the way. */
  readonly fact: string | null
  readonly obstacles: readonly Obstacle[]
}

/** Looks at each in turn; a line for each where there is a progress. */
export async function lookAtAll(
  checks: readonly Check[],
  progress: StepProgress | null,
  signal: AbortSignal,
): Promise<Diagnosis[]> {
  const all: Diagnosis[] = []
  for (const { title, look } of checks) {
    signal.throwIfAborted()
    await using line = progress?.begin(title) ?? null
    const found = await seen(look, signal)
    if (typeof found === 'string') line?.unchanged(found)
    else for (const { what, next } of found) line?.failed(what, next)
    all.push(
      typeof found === 'string' ? { title, fact: found, obstacles: [] } : { title, fact: null, obstacles: found },
    )
  }
  return all
}

/** One check that fails, or never ends, does not hide the others. */
async function seen(look: Check['look'], signal: AbortSignal): Promise<string | readonly Obstacle[]> {
  const limit = AbortSignal.timeout(lookMs)
  try {
    return await look(AbortSignal.any([signal, limit]))
  } catch (thrown) {
    signal.throwIfAborted()
    if (limit.aborted) return [{ what: `gave no answer within ${lookMs / 1000} s`, next: nextOfUnknown }]
    const { message, details, hint } = asAppError(thrown)
    const cause = thrown instanceof AppError ? message : String(thrown).split('\n')[0]
    return [{ what: [`could not be looked at: ${cause}`, ...details].join('; '), next: hint ?? nextOfUnknown }]
  }
}

/** Everything that is asked of a machine, in the order of asking; `wanted` is the cluster address that was asked for. */
export function machineChecks(site: Site, wanted: string | null): readonly Check[] {
  return [
    { title: 'disk', isReported: true, look: () => checkDisk(site) },
    { title: 'memory', isReported: true, look: checkMemory },
    { title: 'clock', look: checkClock },
    { title: 'kernel', look: checkKernel },
    { title: 'ports', look: signal => checkPorts(site, signal) },
    { title: 'engine', look: checkEngine },
    { title: 'swarm', look: signal => checkSwarm(site, signal) },
    { title: 'cluster address', look: signal => checkAddress(site, wanted, signal) },
    { title: 'other firewalls', look: checkFirewalls },
  ]
}

/** Rejects `conflict` with everything that stands in the way, not only the first; otherwise says what is there. */
export async function requireAll(checks: readonly Check[], signal: AbortSignal): Promise<string> {
  const facts: string[] = []
  const details: string[] = []
  for (const { look, isReported } of checks) {
    const found = await look(signal)
    if (typeof found !== 'string') details.push(...found.flatMap(({ what, next }) => [what, `  ${next}`]))
    else if (isReported) facts.push(found)
  }
  if (details.length === 0) return facts.join(', ')
  throw new AppError('conflict', 'this machine is not ready for Lading', {
    details,
    hint: 'Clear these away, then run "lading up" again; nothing was changed.',
  })
}

async function checkDisk(site: Site): Promise<string | Obstacle[]> {
  const disk = await statfs('/var/lib')
  const needed = hasImages(site) ? leastDisk.later : leastDisk.first
  const free = disk.bavail * disk.bsize
  if (free >= needed) return `${gib(free)} of disk free`
  return [
    {
      what: `/var/lib has ${gib(free)} free; ${gib(needed)} are needed`,
      next: 'Free some, or mount a larger disk there.',
    },
  ]
}

/** The platform's images were there once: what is missing by now is small. */
function hasImages(site: Site): boolean {
  return site.decided && imageNames.every(name => site.decisions.images[name] !== undefined)
}

async function checkMemory(): Promise<string | Obstacle[]> {
  const memory = await totalMemory()
  if (memory >= leastMemory) return `${gib(memory)} of memory`
  return [{ what: `the machine has ${gib(memory)} of memory; 1 GiB is needed`, next: 'Take a larger machine.' }]
}

/** A clock that is behind makes every certificate invalid, apt's lists too: they are "not valid yet". */
async function checkClock(signal: AbortSignal): Promise<string | Obstacle[]> {
  const written = await commitTime(signal)
  const now = systemClock.now()
  if (now + skewMs >= written) return `${new Date(now).toISOString().slice(0, 16)}Z`
  return [
    {
      what: `the clock says ${new Date(now).toISOString()}, which is before this version of Lading was written`,
      next: 'Set it (timedatectl set-ntp true, or date --set), then hwclock --systohc.',
    },
  ]
}

/** Whoever wrote the commit has a clock of his own (ms). */
const skewMs = 10 * 60_000

/** In ms; 0 where the checkout is not git's, or not this user's. */
async function commitTime(signal: AbortSignal): Promise<number> {
  const args = ['-C', checkout, 'show', '-s', '--format=%ct', 'HEAD']
  const seconds = await runProgram('git', args, {}, signal).catch(() => '0')
  return Number.isFinite(Number(seconds)) ? Number(seconds) * 1000 : 0
}

async function checkKernel(): Promise<string | Obstacle[]> {
  const features = await missingKernelFeatures()
  const caps = await missingControllers()
  const found: Obstacle[] = []
  if (features.length > 0)
    found.push({
      what: `this kernel has no ${features.join(', no ')}; images and the network of apps are made of them`,
      next: "Boot a kernel of Debian's own (linux-image-amd64, linux-image-arm64); containers of a host (OpenVZ) are no machine.",
    })
  if (caps.length > 0)
    found.push({
      what: `the kernel was started without caps on ${caps.join(' and ')}: one app could take the whole machine`,
      next: 'On a Raspberry Pi: add "cgroup_enable=memory cgroup_memory=1" to the one line of cmdline.txt, and reboot.',
    })
  return found.length > 0 ? found : 'what is needed'
}

async function checkPorts(site: Site, signal: AbortSignal): Promise<string | Obstacle[]> {
  const answers = await engineAnswers(signal)
  // Containers run on without their engine, and only an engine can tell which of them are ours.
  if (site.decided && !answers) return 'not asked: it needs the engine'
  const ours = answers ? await platformContainers(signal) : []
  // Swarm's are held by the engine, and 4789 by the kernel, which shows no program.
  const isEngine = ({ program }: PortHolder) => /^(dockerd|a program this kernel)/.test(program)
  const isOurs = (holder: PortHolder) =>
    ours.some(id => holder.controlGroup.includes(id)) ||
    (answers && swarmPorts.includes(holder.port) && isEngine(holder))
  const holders = (await findPortHolders(ports)).filter(holder => !isOurs(holder))
  if (holders.length === 0) return 'free, or held by Lading'
  return holders.map(({ port, protocol, program }) => ({
    what: `port ${port}${protocol === 'udp' ? '/udp' : ''} is taken by ${program}`,
    next: `Stop it for good (systemctl disable --now …), or let it listen elsewhere.`,
  }))
}

async function checkEngine(signal: AbortSignal): Promise<string | Obstacle[]> {
  if (!(await engineAnswers(signal))) return 'none runs yet'
  const version = await engineVersion(signal)
  if (isOldEngine(version))
    return [
      {
        what: `the engine is Docker ${version}; ${oldestEngine} or newer is needed`,
        next: "Upgrade it (apt-get install docker.io), with its owner's consent: its containers stop for that.",
      },
    ]
  return `Docker ${version}`
}

/** `26.1.5+dfsg1` is not; one whose version cannot be read is not judged. */
export function isOldEngine(version: string): boolean {
  const [major = NaN, minor = NaN] = version.split(/[.+~-]/).map(Number)
  const [oldMajor = 0, oldMinor = 0] = oldestEngine.split('.').map(Number)
  return major < oldMajor || (major === oldMajor && minor < oldMinor)
}

async function checkSwarm(site: Site, signal: AbortSignal): Promise<string | Obstacle[]> {
  if (!(await engineAnswers(signal))) return 'none yet'
  const swarm = await settledSwarm(signal)
  requireOwnSwarm(swarm, site)
  const problems = foreignSwarm(swarm)
  return problems.length > 0 ? problems : describeSwarm(swarm)
}

/**
 * That containers reach the world decides whether anything can be built. Whether visitors reach the edge is told only: a
 * machine whose way in is another one's is as its owner wants it.
 */
async function checkFirewalls(signal: AbortSignal): Promise<string | Obstacle[]> {
  const firewalls = await readOtherFirewalls(signal)
  const closed = closedToContainers(firewalls)
  if (closed.length > 0) return closed
  const warnings = closedToVisitors(firewalls).map(({ what, next }) => `${what}: ${next}`)
  return warnings.length > 0 ? warnings.join('; ') : 'let in what comes on 80 and 443'
}

function describeSwarm({ state }: SwarmState): string {
  return state === 'ours' ? "Lading's" : 'none yet'
}

/** What would be chosen, by the same rules; a machine without `ip` is told when its tools are there. */
async function checkAddress(site: Site, wanted: string | null, signal: AbortSignal): Promise<string | Obstacle[]> {
  if (site.decided) return `${site.decisions.clusterAddress}, decided`
  try {
    const { clusterAddress, clusterInterface } = await choosePlace(wanted, signal)
    return clusterInterface === 'reserved' ? `${clusterAddress}, an address of our own` : clusterAddress
  } catch (thrown) {
    const { code, message, hint } = asAppError(thrown)
    if (code === 'unavailable') return 'chosen when the tools are there'
    if (code !== 'invalid-input' && code !== 'no-room' && code !== 'conflict') throw thrown
    return [{ what: message, next: hint ?? '' }]
  }
}

async function platformContainers(signal: AbortSignal): Promise<string[]> {
  const query = filters({ label: [`${label.role}=platform`] })
  const list = await engine.json({ method: 'GET', path: '/containers/json', query }, signal)
  return z
    .array(z.object({ Id: z.string() }))
    .parse(list)
    .map(each => each.Id)
}
