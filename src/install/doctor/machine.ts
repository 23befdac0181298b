import type { StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { z } from 'zod'
import { defaults } from '../../core/defaults.ts'
import { asAppError } from '../../core/errors.ts'
import { systemClock } from '../../core/system.ts'
import { GiB, gib } from '../../lib/format.ts'
import { closedToVisitors, readOtherFirewalls } from '../firewall/other-firewalls.ts'
import type { Machine } from '../host/machine.ts'
import { runProgram } from '../host/run-program.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { engine, engineAnswers } from '../swarm/engine-call.ts'

/** Less and a build or the database fills it (bytes; share of all inodes). */
const leastDisk = 2 * GiB
const leastInodes = 0.05

const root = z.object({ DockerRootDir: z.string() })

/** Ours, and the engine's, which may be another one. */
export async function checkDisk(signal: AbortSignal): Promise<string | Obstacle[]> {
  const folders = ['/var/lib']
  if (await engineAnswers(signal))
    folders.push(root.parse(await engine.json({ method: 'GET', path: '/info' }, signal)).DockerRootDir)
  const disks = await Promise.all(folders.map(folder => statfs(folder)))
  const found = disks.flatMap((disk, at) => obstaclesOf(folders[at]!, disk))
  if (found.length > 0) return found
  return `${gib(Math.min(...disks.map(({ bavail, bsize }) => bavail * bsize)))} free`
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
export async function checkClock({ hasSystemd }: Machine, signal: AbortSignal): Promise<string | Obstacle[]> {
  const now = `${new Date(systemClock.now()).toISOString().slice(0, 16)}Z`
  if (!hasSystemd) return `${now}; whether a time server keeps it is not known here`
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
export async function checkEngineRules(signal: AbortSignal): Promise<string | Obstacle[]> {
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

/** Other firewalls of this machine, as far as its rules tell; what stands before it no one here can see. */
export async function checkWayIn(signal: AbortSignal): Promise<string | Obstacle[]> {
  const closed = closedToVisitors(await readOtherFirewalls(signal))
  return closed.length > 0 ? closed : 'no firewall of this machine refuses 80 and 443'
}
