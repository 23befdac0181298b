import type { Cleaned } from '../build/builder.ts'
import type { ErrorCode } from '../core/errors.ts'
import { type EnvironmentKey, production } from '../core/names.ts'
import { wentLive, type RunState } from '../core/states.ts'
import { answers, type Release } from '../core/release.ts'
import type { Run } from '../core/run.ts'
import { billOfLading } from '../core/bill.ts'
import type { Ejected } from '../pipeline/eject.ts'
import type { HostCertificate } from '../domains/domains.ts'
import type { AuditRow } from '../store/audit-store.ts'
import type { MemberRow, TokenRow } from '../store/access-store.ts'
import type { AcmeSettings, AppRow, CertificateRow, OrderRow } from '../store/store.ts'
import type { NodeVersions, Platform } from './parts.ts'

/** The JSON that the API answers with. The CLI's typed client and the console read these types. */

export interface InfoDocument {
  readonly version: string
  readonly baseDomain: string
  readonly url: string
  /** Repositories are at `<gitUrl>/<app>.git`. */
  readonly gitUrl: string
  readonly ca: string | null
  readonly you: string
  /** Of what the platform stands on (nodes, certificates, limits) you are told; not sent by older ones. */
  readonly operates?: boolean
}

export interface VersionDocument {
  readonly version: string
  readonly build: string
  readonly nodes: readonly NodeVersions[]
  /** How late the control plane's event loop was; not sent by older ones. */
  readonly loop?: LoopDocument
}

/** Of the last `minutes`, an hour at most (milliseconds). */
export interface LoopDocument {
  readonly minutes: number
  readonly p99: number
  readonly worst: number
}

export type CleanedDocument = Cleaned

export interface LimitDocument {
  readonly name: string
  /** Words, of what is decided on the node. */
  readonly value: number | string
  readonly default: number | string
  readonly isSet: boolean
  /** Null: it is fixed. */
  readonly unit: 'bytes' | 'seconds' | 'CPUs' | 'share' | 'count' | null
  /** What it bounds; of a fixed one, why it is. */
  readonly of: string
  /** From when on a new value holds. */
  readonly from: string | null
  /** Null: it is no number. */
  readonly least: number | null
  readonly most: number | null
}

export type EjectDocument = Ejected

export interface AppDocument {
  readonly app: string
  readonly url: string
  readonly gitUrl: string
  /** What its processes and builds may reach of private networks: words of `lading up --private-networks`. */
  readonly privateNetworks: string
  readonly createdAt: number
  readonly createdBy: string
  readonly beingDestroyed: boolean
  readonly environments: readonly EnvironmentDocument[]
}

export interface EnvironmentDocument {
  readonly environment: string
  readonly branch: string
  /** The release that serves; null before the first. */
  readonly serving: ReleaseDocument | null
  /** Runs on their way. */
  readonly running: readonly Run[]
}

export interface ReleaseDocument {
  readonly release: string
  readonly number: number
  readonly description: string
  readonly commit: string | null
  readonly author: string
  readonly image: string
  readonly config: number
  readonly formation: Readonly<Record<string, number>>
  /** It has a process that takes traffic: the app's address answers while it serves. */
  readonly answers: boolean
  readonly by: string
  readonly createdAt: number
  readonly run: string
  readonly state: RunState | null
  /** Why it is in this state. */
  readonly reason: string | null
  readonly wentLive: boolean
  readonly serving: boolean
}

export type BillDocument = ReturnType<typeof billOfLading> & { readonly outcome: ReleaseDocument }

export interface ConfigDocument {
  readonly version: number
  readonly values: Readonly<Record<string, string>>
  readonly by: string
  readonly at: number
  /** The version that the serving release runs with; null before the first release. */
  readonly serving: number | null
}

export interface ConfigChangeDocument {
  readonly version: number
  /** Keys that were set, changed or removed. */
  readonly changed: readonly string[]
  /** Null: there is nothing to restart. */
  readonly run: Run | null
}

export interface ProcessDocument {
  readonly name: string
  readonly type: string
  readonly release: number
  /** `running` or `exited`, or Swarm's state of a process that has no container yet. */
  readonly state: string
  readonly proof: string
  /** Told to owners and operators; null to others. */
  readonly node: string | null
  /** As `node`. */
  readonly container: string | null
  readonly startedAt: number | null
  /** The failed check, the exit code, or Swarm's reason. */
  readonly note: string | null
}

export interface DomainDocument {
  readonly name: string
  readonly app: string
  readonly environment: string
  readonly by: string
  readonly at: number
  /** Null: the platform CA's. */
  readonly certificate: { readonly source: 'own' | 'acme'; readonly issuer: string; readonly notAfter: number } | null
  /** Its certificate by ACME; null while ACME is off. */
  readonly order: Pick<OrderRow, 'state' | 'reason' | 'attempts' | 'nextAt'> | null
}

export interface CertificatesDocument {
  /** Every host that is answered at. */
  readonly hosts: readonly HostCertificate[]
  /** Those that someone has given; of their keys nothing is told. */
  readonly given: readonly CertificateRow[]
  /** What someone should do something about, a sentence each. */
  readonly warnings: readonly string[]
}

export interface AcmeDocument {
  /** Null: ACME is off. */
  readonly account: (Omit<AcmeSettings, 'ca'> & { readonly hasOwnCa: boolean }) | null
  readonly orders: readonly OrderRow[]
}

export interface TokenDocument {
  /** What it is called by; not the token. */
  readonly id: string
  readonly name: string
  /** Whose; null: a robot's, of this environment. */
  readonly member: string | null
  readonly app: string | null
  readonly environment: string | null
  readonly by: string
  readonly at: number
  /** Null: never. */
  readonly expiresAt: number | null
  /** To the minute; null: never. */
  readonly usedAt: number | null
}

export type MemberDocument = MemberRow

export interface MemberRemovalDocument {
  readonly name: string
  readonly removed: boolean
  /** Tokens that the member has made for programs and for others: they hold until someone revokes them. */
  readonly left: readonly TokenDocument[]
}

export type AuditDocument = AuditRow

export interface LogEntry {
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string
  /** `web.1`, `router`, `build`, or `lading` where the platform itself has something to say about the log. */
  readonly source: string
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  /** `v3`; null for lines that are of no release, absent where no one knows. */
  readonly release?: string | null
}

/** The last line of an NDJSON stream that could not go on. */
export interface StreamError {
  readonly error: { readonly code: ErrorCode; readonly message: string }
}

export function appUrl(platform: Platform, app: string): string {
  const url = new URL(platform.url)
  return `${url.protocol}//${app}.${platform.baseDomain}${url.port === '' ? '' : `:${url.port}`}`
}

/** The one name that the platform gives an environment. */
export function ownHostOf({ app, environment }: EnvironmentKey, baseDomain: string): string {
  return environment === production ? `${app}.${baseDomain}` : `${app}-${environment}.${baseDomain}`
}

export function appDocument(
  row: AppRow,
  platform: Platform,
  environments: readonly EnvironmentDocument[],
): AppDocument {
  return {
    app: row.app,
    url: appUrl(platform, row.app),
    gitUrl: `${platform.url}/${row.app}.git`,
    privateNetworks: platform.privateNetworks,
    createdAt: row.createdAt,
    createdBy: row.createdBy,
    beingDestroyed: row.destroyedAt !== null,
    environments,
  }
}

export function releaseDocument(release: Release, run: Run | null, serving: number | null): ReleaseDocument {
  return {
    release: `v${release.number}`,
    number: release.number,
    description: release.description,
    commit: release.commit,
    author: release.author,
    image: release.image.reference,
    config: release.config,
    formation: release.formation,
    answers: answers(release),
    by: release.by,
    createdAt: release.createdAt,
    run: release.run,
    state: run?.state ?? null,
    reason: run?.reason ?? null,
    wentLive: run !== null && wentLive(run.state),
    serving: release.number === serving,
  }
}

export function billDocument(release: Release, run: Run | null, serving: number | null): BillDocument {
  return { ...billOfLading(release), outcome: releaseDocument(release, run, serving) }
}

export function tokenDocument({ id, name, holder, by, at, expiresAt, usedAt }: TokenRow): TokenDocument {
  const whose =
    typeof holder === 'string' ? { member: holder, app: null, environment: null } : { member: null, ...holder }
  return { id, name, ...whose, by, at, expiresAt, usedAt }
}

export interface ServiceDocument {
  readonly name: string
  readonly kind: string
  /** `PostgreSQL 17` */
  readonly title: string
  /** Its name on its own network. */
  readonly host: string
  readonly state: 'creating' | 'ready' | 'destroyed'
  /** Why it is no further, or not as it should be; empty: it is. */
  readonly reason: string
  /** The backup that it began with. */
  readonly from: string | null
  /** It takes connections now. */
  readonly up: boolean
  /** Of data; null: not known now. */
  readonly bytes: number | null
  /** Of apps that you see. */
  readonly attachments: readonly {
    readonly app: string
    readonly environment: string
    readonly variable: string
    readonly user: string
    /** False: it goes when what serves needs it no more. */
    readonly wanted: boolean
  }[]
  readonly by: string
  readonly at: number
  readonly destroyedAt: number | null
}

export interface AttachDocument {
  readonly variable: string
  readonly user: string
  /** Null: nothing serves yet, and the first release has it. */
  readonly run: Run | null
}
