import { readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Audit } from '../access/audit.ts'
import { Guesses, slowingGuesses } from '../access/guesses.ts'
import { rootAccess } from '../access/principal.ts'
import { Accounts } from '../access/accounts.ts'
import { createApi } from '../api/api.ts'
import type { Platform } from '../api/parts.ts'
import { createBuilder } from '../build/build.ts'
import type { BuilderOptions, StoppableBuilder } from '../build/builder-options.ts'
import { publicRegistry } from '../build/registry/public-registry.ts'
import { ownMirrors } from '../build/stacks/bases.ts'
import type { Lease, Term } from '../cluster/lease.ts'
import { gitProgram } from '../commit/git/program.ts'
import { GitRepositories } from '../commit/git/repositories.ts'
import { createGitListener } from '../commit/http/listener.ts'
import { asAppError } from '../core/errors.ts'
import { environmentLabels } from '../core/labels.ts'
import { parseHostName, type EnvironmentKey, type HostName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { systemClock, systemIds, systemLoopDelay } from '../core/system.ts'
import type { DockerHttp } from '../docker/http.ts'
import { DockerServiceHost } from '../docker/service-host.ts'
import type { SwarmEngine } from '../docker/swarm-engine.ts'
import { createAsk } from '../domains/ask.ts'
import { Authority } from '../domains/authority.ts'
import { ShownCertificates } from '../domains/certificates.ts'
import { PlatformCertificates } from '../domains/platform-certificates.ts'
import { DnsHooks } from '../domains/hook.ts'
import { Orders } from '../domains/orders.ts'
import { Ownership } from '../domains/ownership.ts'
import { readTxt } from '../domains/txt-records.ts'
import { keeperEdges } from '../edge/client.ts'
import type { Edges } from '../edge/edges.ts'
import { followerLines } from '../observe/client.ts'
import type { Dispatcher } from '../pipeline/dispatcher.ts'
import { Ejector } from '../pipeline/eject.ts'
import { OperatorLimits } from '../pipeline/operator-limits.ts'
import type { Deps } from '../pipeline/deps.ts'
import { spaceNetwork } from '../rollout/spec.ts'
import { ServiceReconciler } from '../services/reconciler.ts'
import { createSealer } from '../store/seal.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { BackupRunner, backupProgram } from './backups.ts'
import type { Config } from './config.ts'
import { gitAccess } from './git-access.ts'
import type { Log } from './log.ts'
import { LoopWatch } from './loop-watch.ts'
import { ownHost, schemeOf } from './own-lane.ts'
import { OwnerToken } from './owner-token.ts'
import { PlatformBackupStorage } from './service-storage.ts'
import { nodeVersions } from './versions.ts'

/** What a control plane has in its hands while it leads. */
export interface Leadership {
  readonly config: Config
  readonly engine: SwarmEngine
  readonly http: DockerHttp
  readonly term: Term
  readonly lease: Lease
  readonly log: Log
  /** Aborted when the process is to stop or the lease is lost. */
  readonly signal: AbortSignal
}

export type Wired = Awaited<ReturnType<typeof wire>>

/** What is made of what, up to the pipeline's dependencies. The store is open; nothing else is started. */
export async function wire(leadership: Leadership) {
  const { config, engine, lease, term, log } = leadership
  const store = await openSqliteStore({ path: databaseOf(config), dataKey: config.dataKey })
  const limits = await OperatorLimits.open(store, log)
  const edges = keeperEdges({
    sockets: [{ node: config.node, path: keeperSocketOf(config) }],
    term: () => term.current,
  })
  const retainedLogs = followerLines(join(config.runDir, 'logs', 'logs.sock'))
  const gitOfApps = gitProgram({
    root: join(config.stateDir, 'git'),
    hooks: config.hooks,
    pushBytes: () => limits.current().pushBytes,
  })
  const repositories = new GitRepositories(gitOfApps, limits.current)
  const certificates = await wireCertificates(store, edges, leadership)
  const { shown } = certificates
  const builder = wireBuilder({ store, repositories, limits: limits.current }, leadership)
  const deps: Deps = {
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
    urlOf: host => urlOf(host, config),
    certify: (hosts, until) => shown.certify(hosts, until),
    forgetStrangers: until => shown.forgetStrangers(until),
    network: key => [spaceNetwork(key), environmentLabels(key)],
    quiet: until => lease.quiet(until),
    forgetLines: (key, until) => retainedLogs.forget(key, until),
    log,
  }
  const backups: BackupRunner = new BackupRunner({
    store,
    clock: systemClock,
    log,
    program: [backupProgram],
    alongside: keep => services.backUpAll(keep, leadership.signal),
    signal: leadership.signal,
  })
  const services: ServiceReconciler = new ServiceReconciler({
    store,
    engine,
    host: new DockerServiceHost(leadership.http),
    builder,
    storage: new PlatformBackupStorage(backups),
    node: config.node,
    clock: systemClock,
    quiet: until => lease.quiet(until),
    log,
  })
  const made = { store, limits, edges, retainedLogs, gitOfApps, repositories, builder, deps, backups, services }
  return { ...made, ...certificates }
}

async function wireCertificates(store: Store, edges: Edges, { config, log, signal }: Leadership) {
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
  const changed = () => shown.changed()
  const orders = new Orders({ store, edges, clock: systemClock, ids: systemIds, ask, hooks, changed, log }, signal)
  const certificates = new PlatformCertificates({ store, edges, shown, orders, hooks, ownership, clock: systemClock })
  return { authority, shown, orders, certificates, ca }
}

function wireBuilder(
  parts: Pick<BuilderOptions, 'store' | 'repositories' | 'limits'>,
  { config, http, log }: Leadership,
): StoppableBuilder {
  // A folder of its own: the builder sees neither the keeper's socket nor the registry's.
  const gate = join(config.runDir, 'builder', 'registry.sock')
  return createBuilder({
    ...parts,
    engine: http,
    registry: { socketPath: join(config.runDir, 'registry.sock') },
    gate: { socketPath: gate, onNode: gate },
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
    freeBytes: () => freeBytes([config.stateDir, '/']),
    warn: (sentence, error) => log(sentence, { error }),
  })
}

/** What stands before the pipeline: the API as the network and as root sees it, and git. */
export async function wireListeners(wired: Wired, pipeline: Dispatcher, leadership: Leadership) {
  const { config, engine, log, signal } = leadership
  const { store, limits, edges, retainedLogs, repositories, certificates, deps, backups, services } = wired
  const report = (error: unknown) => log('request failed', { error: asAppError(error) })
  const loop = new LoopWatch({ delay: systemLoopDelay(), clock: systemClock, log })
  const platform = describePlatform(wired.ca, loop, leadership)
  const file = new OwnerToken({ path: config.tokenFile, clock: systemClock, log })
  void file.follow(signal)
  const accounts = await Accounts.open({ store, clock: systemClock, file, report })
  const audit = new Audit(store, systemClock, report)
  const guesses = new Guesses(systemClock, report => void audit.recordGuesses(report))
  const networkAccess = slowingGuesses(accounts, guesses)
  const parts = {
    accounts,
    audit,
    store,
    pipeline,
    ejector: new Ejector(deps),
    limits,
    edges,
    engine,
    retainedLogs,
    repositories,
    certificates: certificates,
    backups,
    services,
    ids: systemIds,
    clock: systemClock,
    platform,
    report,
  }
  const git = createGitListener({
    repositories,
    store,
    pipeline,
    runDir: config.stateDir,
    clock: systemClock,
    limits: limits.current,
    freeBytes: () => freeBytes([config.stateDir, '/']),
    log,
    ...gitAccess(networkAccess, audit),
  })
  const networkApi = createApi({ ...parts, access: networkAccess })
  const socketApi = createApi({ ...parts, access: rootAccess, presented: () => ({ kind: 'socket' }) })
  return { git, networkApi, socketApi, url: platform.url, loop }
}

function describePlatform(ca: string, loop: LoopWatch, { config, http }: Leadership): Platform {
  const node = { node: config.node, keeperSocket: keeperSocketOf(config), engine: http, clock: systemClock }
  return {
    loop: () => loop.report(),
    freeBytes: () => freeBytes([config.stateDir, '/']),
    version: config.version,
    build: config.build,
    nodes: async until => [await nodeVersions(node, until)],
    baseDomain: config.baseDomain,
    url: urlOf(ownHost(config.baseDomain), config),
    ca,
    privateNetworks: config.privateNetworks,
  }
}

export function databaseOf({ stateDir }: Config): string {
  return join(stateDir, 'lading.db')
}

export function keeperSocketOf({ runDir }: Config): string {
  return join(runDir, 'keeper.sock')
}

function urlOf(host: HostName, { baseDomain }: Config): string {
  return `${schemeOf(baseDomain)}://${host}`
}

/** The least of their disks: the platform's state, and the engine's disk, on which this container's own root lies. */
export async function freeBytes(folders: readonly string[]): Promise<number> {
  const disks = await Promise.all(folders.map(path => statfs(path)))
  return Math.min(...disks.map(({ bavail, bsize }) => bavail * bsize))
}

function hostsOf({ app, environment }: EnvironmentKey, baseDomain: HostName): HostName[] {
  return [parseHostName(environment === 'production' ? `${app}.${baseDomain}` : `${app}-${environment}.${baseDomain}`)]
}

function sealWith(dataKey: Secret): Deps['seal'] {
  const sealer = createSealer(dataKey, 'snapshot')
  return (text, context) => Buffer.from(sealer.seal(context, new Secret(text)))
}

/** Reads what the pipeline's `seal` has written: the config snapshots in the cluster. */
export function openWith(dataKey: Secret): (sealed: Uint8Array, context: string) => string {
  const sealer = createSealer(dataKey, 'snapshot')
  return (sealed, context) => sealer.open(context, Buffer.from(sealed).toString()).reveal()
}
