import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { acquireLease, type Term } from '../cluster/lease.ts'
import { endTrial, readTrial } from '../cluster/trial.ts'
import { defaults } from '../core/defaults.ts'
import { asAppError } from '../core/errors.ts'
import { sourceLimitsOf } from '../core/limits.ts'
import { isBelow, type HostName } from '../core/names.ts'
import { systemClock, systemIds } from '../core/system.ts'
import { DockerHttp } from '../docker/http.ts'
import { SwarmEngine } from '../docker/swarm-engine.ts'
import { highestTerm } from '../edge/client.ts'
import { cleanPeriodically } from '../pipeline/clean.ts'
import { DiskGuard } from '../pipeline/disk-guard.ts'
import { Dispatcher } from '../pipeline/dispatcher.ts'
import { recoverFromCluster } from '../pipeline/recover-from-cluster.ts'
import { takeSnapshot } from '../store/snapshot.ts'
import type { Config } from './config.ts'
import { closeListener, Gate, openNetworkListener, openSocketListener } from './listeners.ts'
import type { Log } from './log.ts'
import { ownHost, takeTraffic } from './own-lane.ts'
import { takeUpBackup } from './take-up-backup.ts'
import {
  databaseOf,
  freeBytes,
  keeperSocketOf,
  openWith,
  wire,
  wireListeners,
  type Leadership,
  type Wired,
} from './wiring.ts'

/** A control plane on trial has kept its lease for so many of its lengths before it opens its listeners. */
const provenLeases = 3
/** What is under way at the end may take so long (ms). */
const endMs = 5_000

/** The life of a control plane: it takes the lease, serves while it holds it, and gives it back. */
export async function run(config: Config, log: Log, stopping: AbortSignal): Promise<void> {
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 })
  const term: Term = { current: 0 }
  const keeperSocket = keeperSocketOf(config)
  const termHeader = () => ({ 'lading-term': String(term.current) })
  const http = new DockerHttp({ socketPath: keeperSocket, prefix: '/engine', headers: termHeader })
  const engine = new SwarmEngine(http, config.registryToken)
  const lease = await acquireLease(
    {
      engine,
      clock: systemClock,
      term,
      holder: `${config.hostName}/${systemIds.hex(4)}`,
      leaseMs: defaults.leaseMs,
      floor: signal => highestTerm([{ node: config.node, path: keeperSocket }], signal),
      // A container's host name is its id. One that is not found may run on another node.
      hasEnded: async (holder, signal) =>
        (await engine.inspectOneOff(holder.split('/')[0] ?? '', signal))?.running === false,
      say: line => log(line, {}),
    },
    stopping,
  )
  const signal = AbortSignal.any([stopping, lease.signal])
  try {
    await lead({ config, engine, http, term, lease, log, signal })
  } finally {
    await lease.release()
  }
}

/** Order while the lease is held: store, recovery, listeners, own traffic; and back. */
async function lead(leadership: Leadership): Promise<void> {
  const { config, log, signal } = leadership
  const heldSince = systemClock.monotonic()
  const trial = await readTrial(config.stateDir, config.release)
  // With the lease and before the schema moves: no one writes between this copy and a way back.
  if (trial !== null) await takeSnapshot(databaseOf(config), trial.snapshot)
  const wired = await wire(leadership)
  const pipeline = await recover(wired, leadership)
  const { git, networkApi, socketApi, url, loop } = await wireListeners(wired, pipeline, leadership)
  await git.start(signal)
  const gate = new Gate()
  if (trial === null) gate.open()
  const servers = [
    await openNetworkListener({ api: networkApi, git, port: config.port, url, gate }),
    await openSocketListener(socketApi, join(config.runDir, 'control.sock'), gate),
  ]
  const background = [
    cleanPeriodically(pipeline, { clock: systemClock, log }, signal).catch(() => undefined),
    loop.run(signal).catch(() => undefined),
    guardDisk(wired, leadership).catch(() => undefined),
    wired.backups.keepMaking(signal).catch(() => undefined),
    wired.services.run(signal).catch(() => undefined),
    limitSources(wired, leadership),
  ]
  log('ready', { release: config.release, version: config.version, trial: trial !== null })
  try {
    await takeOwnTraffic(wired, leadership)
    if (trial !== null) await prove(leadership, heldSince, gate)
    await Promise.all([wired.shown.run(), wired.orders.run()])
  } finally {
    await withinEnd(background)
    await git.stop()
    await wired.builder.stop(AbortSignal.timeout(endMs))
    await withinEnd(servers.map(closeListener))
    await wired.store.close()
  }
}

/** Everything that a crash, a restore or a lost database left is in order before any listener opens (law: kill-anywhere). */
async function recover(wired: Wired, { config, signal }: Leadership): Promise<Dispatcher> {
  const { deps, repositories, builder, gitOfApps, services } = wired
  await repositories.removeStaleLocks()
  await builder.begin(signal)
  await takeUpBackup({ ...deps, git: gitOfApps, folder: join(config.stateDir, 'restore') }, signal)
  await recoverFromCluster(
    { ...deps, open: openWith(config.dataKey), isOurs: name => isBelow(name, config.baseDomain) },
    signal,
  )
  await services.ensureNetworks(signal)
  const pipeline = new Dispatcher(deps, signal)
  await pipeline.recover()
  return pipeline
}

/** Stops the app that fills the disk. This container's own root lies where those of apps do. */
async function guardDisk({ limits }: Wired, { engine, log, signal }: Leadership): Promise<void> {
  const guard = new DiskGuard({
    engine,
    clock: systemClock,
    log,
    limits: limits.current,
    freeBytes: () => freeBytes(['/']),
  })
  await guard.run(signal)
}

/** Gives the edges what the operator has set: one may have lost it with its disk, or know nothing of it until it is of this version. */
async function limitSources({ edges, limits }: Wired, { log, signal }: Leadership): Promise<void> {
  await edges
    .limitSources(sourceLimitsOf(limits.current()), signal)
    .catch((error: unknown) =>
      log('limits per source are not those that were set', { error: asAppError(error).message }),
    )
}

async function takeOwnTraffic({ authority, edges }: Wired, { config, log, signal }: Leadership): Promise<void> {
  const { release, baseDomain } = config
  const certificate = (host: HostName) => authority.certificate(host, signal)
  await takeTraffic({ release, baseDomain, edges, certificate }, signal)
  log('serving', { host: ownHost(baseDomain) })
}

/** The trial of one that replaces another ends when it has kept the lease for long enough. */
async function prove({ config, log, signal }: Leadership, heldSince: number, gate: Gate): Promise<void> {
  const provenAt = heldSince + provenLeases * defaults.leaseMs
  await systemClock.sleep(Math.max(0, provenAt - systemClock.monotonic()), signal)
  await endTrial(config.stateDir)
  log('proven', { release: config.release })
  gate.open()
}

async function withinEnd(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.race([Promise.all(work), systemClock.sleep(endMs)])
}
