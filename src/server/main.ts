import { mkdir, readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { rootAccess } from '../access/principal.ts'
import { Audit } from '../access/audit.ts'
import { Roll } from '../access/roll.ts'
import { createApi } from '../api/api.ts'
import { ownMirrors } from '../build/stacks/bases.ts'
import { createBuilder } from '../build/build.ts'
import { publicRegistry } from '../build/registry/public-registry.ts'
import { acquireLease, type Lease, type Term } from '../cluster/lease.ts'
import { endTrial, readTrial } from '../cluster/trial.ts'
import { createGitDoor } from '../commit/http/listener.ts'
import { gitProgram } from '../commit/git/program.ts'
import { GitRepositories } from '../commit/git/repositories.ts'
import { defaults } from '../core/defaults.ts'
import { asAppError } from '../core/errors.ts'
import { sourceLimitsOf } from '../core/limits.ts'
import { environmentLabels } from '../core/labels.ts'
import { isBelow, parseHostName, type EnvironmentKey, type HostName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { systemClock, systemIds, systemLoopDelay } from '../core/system.ts'
import { DockerHttp } from '../docker/http.ts'
import { SwarmEngine } from '../docker/swarm-engine.ts'
import { Authority } from '../domains/authority.ts'
import { highestTerm, keeperEdges } from '../edge/client.ts'
import { createAsk } from '../domains/ask.ts'
import { ShownCertificates } from '../domains/certificates.ts'
import { CertificateDesk } from '../domains/desk.ts'
import { DnsHooks } from '../domains/hook.ts'
import { Orders } from '../domains/orders.ts'
import { Ownership } from '../domains/ownership.ts'
import { readTxt } from '../domains/txt-records.ts'
import { followerLines } from '../observe/client.ts'
import { cleanAgainAndAgain } from '../pipeline/clean.ts'
import { DiskGuard } from '../pipeline/disk-guard.ts'
import { Dispatcher } from '../pipeline/dispatcher.ts'
import { Ejector } from '../pipeline/eject.ts'
import { recoverFromCluster } from '../pipeline/recover-from-cluster.ts'
import { OperatorLimits } from '../pipeline/operator-limits.ts'
import type { Tools } from '../pipeline/tools.ts'
import { spaceNetwork } from '../rollout/spec.ts'
import { createSealer } from '../store/seal.ts'
import { takeSnapshot } from '../store/snapshot.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { BackupKeeper, backupProgram } from './backups.ts'
import { readConfig, type Config } from './config.ts'
import { closeDoor, Gate, openNetworkDoor, openSocketDoor } from './doors.ts'
import { gitAccess } from './git-access.ts'
import { createLog } from './log.ts'
import { LoopWatch } from './loop-watch.ts'
import { OwnerToken } from './owner-token.ts'
import { ownHost, schemeOf, takeTraffic } from './own-lane.ts'
import { takeUpBackup } from './take-up-backup.ts'
import { nodeVersions } from './versions.ts'

/** A control plane on trial has kept its lease for so many of its lengths before it opens its doors. */
const provenLeases = 3

const log = createLog(systemClock, line => process.stdout.write(line))

/** Composition and order of life: lease, store, recovery, doors, own traffic; and back. */
async function main(stopping: AbortSignal): Promise<void> {
  const config = readConfig()
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 })
  const term: Term = { current: 0 }
  const keeperSocket = join(config.runDir, 'keeper.sock')
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
  try {
    await serve(config, { engine, http, term, lease, stopping })
  } finally {
    await lease.release()
  }
}

interface Held {
  readonly engine: SwarmEngine
  readonly http: DockerHttp
  readonly term: Term
  readonly lease: Lease
  readonly stopping: AbortSignal
}

async function serve(config: Config, { engine, http, term, lease, stopping }: Held): Promise<void> {
  const signal = AbortSignal.any([stopping, lease.signal])
  const heldSince = systemClock.monotonic()
  const urlOf = (host: HostName) => `${schemeOf(config.baseDomain)}://${host}`
  const database = join(config.stateDir, 'lading.db')
  const trial = await readTrial(config.stateDir, config.release)
  // With the lease and before the schema moves: nobody writes between this copy and a way back.
  if (trial !== null) await takeSnapshot(database, trial.snapshot)
  const store = await openSqliteStore({ path: database, dataKey: config.dataKey })
  const limits = await OperatorLimits.open(store, log)
  const edges = keeperEdges({
    sockets: [{ node: config.node, path: join(config.runDir, 'keeper.sock') }],
    term: () => term.current,
  })
  const keptLines = followerLines(join(config.runDir, 'logs', 'logs.sock'))
  const gitOfApps = gitProgram({
    root: join(config.stateDir, 'git'),
    hooks: config.hooks,
    pushBytes: () => limits.current().pushBytes,
  })
  const repositories = new GitRepositories(gitOfApps, limits.current)
  const authority = new Authority(join(config.stateDir, 'ca'), systemClock)
  const shown = new ShownCertificates(
    {
      store,
      edges,
      byOwnCa: (host, until) => authority.certificate(host, until),
      keptByOwnCa: authority,
      hosts: key => hostsOf(key, config.baseDomain),
      ownHost: ownHost(config.baseDomain),
      clock: systemClock,
      warn: (sentence, error) => log(sentence, { error: asAppError(error).message }),
    },
    signal,
  )
  const hooks = new DnsHooks(config.dnsHooks)
  const ca = await readFile(join(config.stateDir, 'ca', 'ca.pem'), 'utf8')
  const ask = createAsk(`lading/${config.version}`)
  const ownership = new Ownership({ edges, ids: systemIds, ask, readTxt, platform: ca })
  const orders = new Orders(
    {
      store,
      edges,
      clock: systemClock,
      ids: systemIds,
      ask,
      hooks,
      changed: () => shown.changed(),
      log,
    },
    signal,
  )
  const certificates = new CertificateDesk({ store, edges, shown, orders, hooks, ownership, clock: systemClock })
  // A folder of its own: the builder sees neither the keeper's socket nor the registry's.
  const builderDoor = join(config.runDir, 'builder', 'registry.sock')
  const builder = createBuilder({
    repositories,
    store,
    engine: http,
    registry: { socketPath: join(config.runDir, 'registry.sock') },
    gate: { socketPath: builderDoor, onNode: builderDoor },
    builderImage: config.images.builder,
    on: {
      base: config.images.base,
      node: config.images.node,
      nodeVersion: process.versions.node,
      policy: {
        mirrors: ownMirrors(config.images.base, config.images.node),
        outside: publicRegistry({ clock: systemClock, fetch, log }),
      },
    },
    proxy: config.proxy,
    platform: `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`,
    clock: systemClock,
    ids: systemIds,
    limits: limits.current,
    freeBytes: () => freeBytes([config.stateDir, '/']),
    warn: (sentence, error) => log(sentence, { error }),
  })
  const tools: Tools = {
    limits: limits.current,
    store,
    engine,
    edges,
    repositories,
    builder,
    clock: systemClock,
    ids: systemIds,
    seal: sealWith(config.dataKey),
    hosts: key => hostsOf(key, config.baseDomain),
    urlOf,
    certify: (hosts, until) => shown.certify(hosts, until),
    forgetStrangers: until => shown.forgetStrangers(until),
    network: key => [spaceNetwork(key), environmentLabels(key)],
    quiet: until => lease.quiet(until),
    forgetLines: (key, until) => keptLines.forget(key, until),
    log,
  }
  await repositories.removeStaleLocks()
  await builder.begin(signal)
  await takeUpBackup({ ...tools, git: gitOfApps, folder: join(config.stateDir, 'restore') }, signal)
  await recoverFromCluster(
    { ...tools, open: openWith(config.dataKey), isOurs: name => isBelow(name, config.baseDomain) },
    signal,
  )
  const pipeline = new Dispatcher(tools, signal)
  await pipeline.recover()
  const guard = new DiskGuard({
    engine,
    clock: systemClock,
    log,
    limits: limits.current,
    // This container's own root lies where those of apps do.
    freeBytes: () => freeBytes(['/']),
  })
  const loop = new LoopWatch({ delay: systemLoopDelay(), clock: systemClock, log })
  const platform = {
    loop: () => loop.told(),
    freeBytes: () => freeBytes([config.stateDir, '/']),
    version: config.version,
    build: config.build,
    nodes: async (until: AbortSignal) => [
      await nodeVersions(
        { node: config.node, keeperSocket: join(config.runDir, 'keeper.sock'), engine: http, clock: systemClock },
        until,
      ),
    ],
    baseDomain: config.baseDomain,
    url: urlOf(ownHost(config.baseDomain)),
    ca,
    privateNetworks: config.privateNetworks,
  }
  const backups = new BackupKeeper({ store, clock: systemClock, log, program: [backupProgram], signal })
  const ejector = new Ejector(tools)
  const file = new OwnerToken({ path: config.tokenFile, log })
  file.follow(signal)
  const roll = await Roll.open({ store, clock: systemClock, file, report: logError })
  const audit = new Audit(store, systemClock, logError)
  const parts = {
    roll,
    audit,
    store,
    pipeline,
    ejector,
    limits,
    edges,
    engine,
    keptLines,
    repositories,
    certificates,
    backups,
    clock: systemClock,
    platform,
    report: logError,
  }
  const git = createGitDoor({
    repositories,
    store,
    pipeline,
    runDir: config.stateDir,
    clock: systemClock,
    limits: limits.current,
    freeBytes: () => freeBytes([config.stateDir, '/']),
    log,
    ...gitAccess(roll, audit),
  })
  await git.start(signal)
  const gate = new Gate()
  if (trial === null) gate.open()
  const api = createApi({ ...parts, access: roll })
  const doors = [
    await openNetworkDoor({ api, git, port: config.port, url: platform.url, gate }),
    await openSocketDoor(createApi({ ...parts, access: rootAccess }), join(config.runDir, 'control.sock'), gate),
  ]
  const cleaning = cleanAgainAndAgain(pipeline, { clock: systemClock, log }, signal).catch(() => undefined)
  const watching = Promise.all([loop.run(signal), guard.run(signal)]).catch(() => undefined)
  const backingUp = backups.keepMaking(signal).catch(() => undefined)
  // What an edge lost with its disk; one from before this is of this version soon.
  const limiting = edges
    .limitSources(sourceLimitsOf(limits.current()), signal)
    .catch((error: unknown) =>
      log('limits per source are not those that were set', { error: asAppError(error).message }),
    )
  log('ready', { release: config.release, version: config.version, trial: trial !== null })
  try {
    const certificate = (host: HostName) => authority.certificate(host, signal)
    await takeTraffic({ release: config.release, baseDomain: config.baseDomain, edges, certificate }, signal)
    log('serving', { host: ownHost(config.baseDomain) })
    if (trial !== null) {
      await systemClock.sleep(
        Math.max(0, heldSince + provenLeases * defaults.leaseMs - systemClock.monotonic()),
        signal,
      )
      await endTrial(config.stateDir)
      log('proven', { release: config.release })
      gate.open()
    }
    await Promise.all([shown.run(), orders.run()])
  } finally {
    await Promise.race([Promise.all([cleaning, backingUp, watching, limiting]), systemClock.sleep(5_000)])
    await git.stop()
    await builder.stop(AbortSignal.timeout(5_000))
    await Promise.race([Promise.all(doors.map(closeDoor)), systemClock.sleep(5_000)])
    await store.close()
  }
}

/** The least of their disks: the platform's state, and the engine's disk, on which this container's own root lies. */
async function freeBytes(folders: readonly string[]): Promise<number> {
  const disks = await Promise.all(folders.map(path => statfs(path)))
  return Math.min(...disks.map(({ bavail, bsize }) => bavail * bsize))
}

function hostsOf({ app, environment }: EnvironmentKey, baseDomain: HostName): HostName[] {
  return [parseHostName(environment === 'production' ? `${app}.${baseDomain}` : `${app}-${environment}.${baseDomain}`)]
}

function sealWith(dataKey: Secret): Tools['seal'] {
  const sealer = createSealer(dataKey, 'snapshot')
  return (text, context) => Buffer.from(sealer.seal(context, new Secret(text)))
}

function openWith(dataKey: Secret): (sealed: Uint8Array, context: string) => string {
  const sealer = createSealer(dataKey, 'snapshot')
  return (sealed, context) => sealer.open(context, Buffer.from(sealed).toString()).reveal()
}

function logError(error: unknown): void {
  log('request failed', { error: asAppError(error) })
}

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(`got ${name}`)))

main(stop.signal).then(
  () => process.exit(0),
  (error: unknown) => {
    if (stop.signal.aborted) process.exit(0)
    log('ended', { error: asAppError(error) })
    process.exit(1)
  },
)
