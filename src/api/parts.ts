import type { Access, PresentedCredential, Principal } from '../access/principal.ts'
import type { Audit } from '../access/audit.ts'
import type { Accounts } from '../access/accounts.ts'
import type { Backups } from '../backup/backups.ts'
import type { Repositories } from '../commit/repository.ts'
import type { Clock, Ids } from '../core/clock.ts'
import type { AppError } from '../core/errors.ts'
import type { Certificates } from '../domains/domains.ts'
import type { Engine } from '../docker/engine.ts'
import type { Edges } from '../edge/edges.ts'
import type { RetainedLogs } from '../observe/retained-logs.ts'
import type { Ejector } from '../pipeline/eject.ts'
import type { OperatorLimits } from '../pipeline/operator-limits.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import type { Services } from '../services/services.ts'
import type { Store } from '../store/store.ts'
import type { LoopDocument } from './documents.ts'

/** What the API is made of. */
export interface ApiParts {
  readonly store: Store
  readonly pipeline: Pipeline
  readonly ejector: Ejector
  readonly limits: OperatorLimits
  readonly edges: Edges
  readonly engine: Engine
  /** Without it, logs are what the engine still has. */
  readonly retainedLogs?: RetainedLogs
  readonly repositories: Repositories
  readonly certificates: Certificates
  readonly backups: Backups
  readonly services: Services
  readonly ids: Pick<Ids, 'hex'>
  readonly clock: Clock
  readonly platform: Platform
  /** Who asks, at the listener this API stands behind: root's Unix socket and the network have one each. */
  readonly access: Access
  /** What a request shows, by its header `authorization`; without it, a token is looked for there. */
  readonly presented?: (authorization: string | undefined) => PresentedCredential | null
  /** Members and tokens, behind all listeners the same. */
  readonly accounts: Accounts
  readonly audit: Audit
  /** Called with every failure that is no one's input: for the control plane's log. */
  readonly report: (error: AppError) => void
}

export interface Platform {
  readonly version: string
  /** Content key of the control plane's image: two builds of one version differ by it. */
  readonly build: string
  /** What runs on each node; a part that does not answer is null. */
  readonly nodes: (signal: AbortSignal) => Promise<readonly NodeVersions[]>
  /** How late this process's event loop was; without it, it is not reported. */
  readonly loop?: () => LoopDocument
  /** Of the platform's disk and the engine's, the least (bytes). */
  readonly freeBytes?: () => Promise<number>
  /** Apps answer at `<name>.<base domain>`. */
  readonly baseDomain: string
  /** Where this API is reached from outside, without a path: `https://lading.example.com`, also with a port. */
  readonly url: string
  /** The platform's own CA (PEM) when its certificates come from it. */
  readonly ca: string | null
  /** What containers may reach of private networks: words of `parsePrivateNetworks`. */
  readonly privateNetworks: string
}

export interface NodeVersions {
  readonly node: string
  readonly keeper: KeeperVersion | null
  /** The engine's: `26.1.5+dfsg1`. */
  readonly engine: string | null
}

export interface KeeperVersion {
  readonly version: string
  readonly build: string
  readonly generation: number
  /** By limits per source address, since its HAProxy began; null or absent: not reported. */
  readonly refused?: { readonly requests: number; readonly connections: number } | null
}

export interface ApiEnv {
  /** `note`: what the body asked for, without values, for the record of who did what. */
  Variables: { principal: Principal; note?: string }
}
