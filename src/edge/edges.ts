import type { DomainName, EnvironmentKey, NodeName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { LogLine } from '../docker/engine.ts'

/**
 * All edges and keepers of the cluster behind one port. The control plane states what should be (lanes, routes); each
 * keeper admits processes by itself, as reported by the engine that runs them (decision: keeper-admits), and reports
 * what it sees. All changing calls are idempotent, carry the term, and have been written to every edge's state
 * directory, applied and read back when they return. Contract suite: test/contract/edges.contract.ts.
 */
export interface Edges {
  /**
   * Leases one lane per edge for a release and arms its slots, ahead of the first container. Same release: the same
   * lane. Rejects `no-room` when the environment holds four lanes or the pool is empty and cannot be refilled.
   */
  allocate(lane: LaneSpec, signal: AbortSignal): Promise<void>
  /** Sets the slots to rest and gives the lane back. No error when there is none. */
  release(release: ReleaseKey, signal: AbortSignal): Promise<void>
  /** One map switch: from its return on, no new request reaches the release that served before. */
  route(route: Route, signal: AbortSignal): Promise<void>
  /** The hosts of this environment answer 404 from then on. */
  unroute(environment: EnvironmentKey, signal: AbortSignal): Promise<void>
  /** Certificate chain and key (PEM, one text) for a host; replaces the one before, without a lost connection. */
  certify(host: DomainName, pem: Secret, signal: AbortSignal): Promise<void>
  /** Forgets the certificate of a host that is routed no more. No error when there is none. */
  uncertify(host: DomainName, signal: AbortSignal): Promise<void>
  /**
   * Whether visitors of a host by plain HTTP are sent to HTTPS, and those by HTTPS told to stay there (RFC 6797). For hosts
   * whose certificate browsers trust. No error when it is so already.
   */
  onlyHttps(host: DomainName, isOn: boolean, signal: AbortSignal): Promise<void>
  /**
   * What one source address may have of each edge from then on. Requests in flight end as they are. No error when it is so
   * already.
   */
  limitSources(limits: SourceLimits, signal: AbortSignal): Promise<void>
  /**
   * What every host answers at `/.well-known/acme-challenge/<token>`, over HTTP and HTTPS, until it is withdrawn (null).
   * RFC 8555, 8.3. No error when there is none to withdraw.
   */
  challenge(token: string, answer: string | null, signal: AbortSignal): Promise<void>
  /** Router log lines of one environment (heroku-contract: `at=info method=GET path="/" host=… status=200`). */
  routerLog(
    environment: EnvironmentKey,
    options: { tail: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>
  /** Routes and lanes as the edges hold them, for reconciliation. */
  state(signal: AbortSignal): Promise<EdgeState>
  /**
   * What runs of one environment and what the edges know of it. The first item is the present; then one at each
   * change, newest only (a slow reader skips). Whole views, never differences, so that nothing can be missed.
   * Ends only by abort; reconnects by itself.
   */
  watch(environment: EnvironmentKey, signal: AbortSignal): AsyncIterable<EnvironmentView>
  /** Sockets a process listens on inside its own network namespace: `0.0.0.0:8080`, `127.0.0.1:3000`. */
  listening(process: ProcessView, signal: AbortSignal): Promise<readonly string[]>
}

export interface ReleaseKey extends EnvironmentKey {
  readonly release: number
}

export interface LaneSpec extends ReleaseKey {
  /** Slots = 2 × this. */
  readonly processes: number
  readonly protocol: 'h1' | 'h2c'
  readonly healthPath: string | null
  readonly firstByteSeconds: number
  readonly idleSeconds: number
}

export interface Route extends EnvironmentKey {
  /** An exact name beats a wildcard, whoever has it. */
  readonly hosts: readonly DomainName[]
  /** The release that serves; its lane must be leased. */
  readonly release: number
}

/** Of one IPv4 address, or one IPv6 network of 64 bits. */
export interface SourceLimits {
  /** Open at once. */
  readonly connections: number
  readonly requestsPerSecond: number
}

export interface EdgeState {
  readonly lanes: readonly ReleaseKey[]
  readonly routes: readonly Route[]
  /** Hosts with a certificate. */
  readonly certificates: readonly DomainName[]
  /** Hosts whose visitors are kept to HTTPS; absent: a keeper from before this. */
  readonly httpsOnly?: readonly DomainName[]
  /** Absent: a keeper from before they were the operator's. */
  readonly sourceLimits?: SourceLimits
  /** Tokens that are answered. */
  readonly challenges: readonly string[]
}

export interface EnvironmentView {
  readonly processes: readonly ProcessView[]
  /** Requests and open connections per release on all edges, for draining. */
  readonly inFlight: Readonly<Record<number, number>>
}

/** A process as its own engine tells it. */
export interface ProcessFacts {
  readonly container: string
  readonly release: number
  readonly type: string
  /** `web.1` */
  readonly name: string
  readonly state: 'running' | 'exited'
  readonly exitCode: number | null
  readonly outOfMemory: boolean
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** `clusterAddress:port`; null for types without a port. */
  readonly address: string | null
}

export interface ProcessView extends ProcessFacts {
  readonly node: NodeName
  /**
   * `none`: no port, or no lane. `checking`: in a slot, no check has passed yet. `proven`: on every edge a full check
   * passed since this very container was put there, and it is admitted. `down`: was proven, fails now.
   */
  readonly proof: 'none' | 'checking' | 'proven' | 'down'
  /** The last failed check in words: `connection refused`, `HTTP 503`, `timeout after 1 s`. */
  readonly lastCheck: string | null
}

export function sameEnvironment(one: EnvironmentKey, other: EnvironmentKey): boolean {
  return one.app === other.app && one.environment === other.environment
}

export function sameRelease(one: ReleaseKey, other: ReleaseKey): boolean {
  return sameEnvironment(one, other) && one.release === other.release
}
