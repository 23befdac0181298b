import type { AppName, BranchName, CommitId, DomainName, EnvironmentKey, RunId } from '../core/names.ts'
import type { Image, Release, StepVerdict } from '../core/release.ts'
import type { Run, RunIntent } from '../core/run.ts'
import type { Secret } from '../core/secret.ts'
import type { RunState } from '../core/states.ts'
import type { AccessStore } from './access-store.ts'
import type { AuditStore } from './audit-store.ts'
import type { ServiceStore } from './service-store.ts'

/**
 * The rows. Asynchronous, each method one batch of statements with preconditions and no code between read and write
 * (decision: statements-in-batches), so that SQLite, a replicated SQLite or Postgres can serve it. law:
 * one-writer-per-field; who may write what stands at each method. Contract suite: test/contract/store.contract.ts.
 */
export interface Store extends AccessStore, AuditStore, ServiceStore {
  /** `already-exists` when the name is taken. Makes `production`, bound to branch `main`, with empty config version 1. */
  createApp(app: AppName, by: string, now: number): Promise<AppRow>
  listApps(): Promise<readonly AppRow[]>
  findApp(app: AppName): Promise<AppRow | null>
  /** From then on the app takes no new run; its rows go with `removeApp`. The first mark stays. */
  markAppDestroyed(app: AppName, now: number): Promise<void>
  /** Removes all rows of a marked app; `conflict` when it is not marked. No error when it is gone. */
  removeApp(app: AppName): Promise<void>
  findEnvironment(key: EnvironmentKey): Promise<EnvironmentRow | null>
  /** The environment that follows this branch, if any. */
  environmentOfBranch(app: AppName, branch: BranchName): Promise<EnvironmentRow | null>
  listEnvironments(): Promise<readonly EnvironmentRow[]>

  /** A new row in `queued`; `conflict` when the app is marked as destroyed, `already-exists` when the id is taken. */
  insertRun(run: NewRun): Promise<Run>
  findRun(id: RunId): Promise<Run | null>
  /** Newest first. */
  listRuns(key: EnvironmentKey, limit: number): Promise<readonly Run[]>
  /**
   * Newest first, those that are open or went live: what core/keep.ts derives from. The last thousand, for however many
   * failed since, what serves is among them.
   */
  standingRuns(key: EnvironmentKey): Promise<readonly Run[]>
  /** All runs not in a final state, oldest first. */
  openRuns(): Promise<readonly Run[]>
  /**
   * The only writer of a run's state: `from` is the precondition. `conflict` when the row is in another state (someone
   * else moved it) or when it would turn back after its release phase was started, `internal` when the table of
   * core/states.ts forbids the step.
   */
  advanceRun(
    id: RunId,
    from: RunState,
    to: RunState,
    facts: { reason: string; details?: readonly string[]; now: number },
  ): Promise<Run>
  /**
   * Row "release phase started"; true for the one caller that wrote it, false when it was there, `conflict` when the
   * run has ended. In one statement with its precondition, as `advanceRun` is: of a cancel and a start, one wins.
   */
  startReleasePhase(id: RunId, now: number): Promise<boolean>
  /**
   * What a step of a run returned, as JSON; entered again after a crash, the step is answered from here. The first
   * result stays.
   */
  saveStep(id: RunId, step: string, result: unknown): Promise<void>
  findStep(id: RunId, step: string): Promise<{ readonly result: unknown } | null>
  /** Progress lines of a run. `seq` starts at 1. */
  appendLines(id: RunId, lines: readonly RunLine[]): Promise<void>
  readLines(id: RunId, after: number): Promise<readonly (RunLine & { readonly seq: number })[]>
  /**
   * Removes the lines of runs that have ended and are older than the newest `keep` of their environment; rows stay. Of
   * those runs it gives the ones that made no release, oldest first: nothing will ever ask for their commits' pins.
   */
  forgetLines(key: EnvironmentKey, keep: number): Promise<readonly RunId[]>

  /**
   * Append-only. Gives the next number of the environment; the same run again gets the release it made before.
   * `conflict` when the run has ended without one.
   */
  insertRelease(release: Omit<Release, 'number'>): Promise<Release>
  findRelease(key: EnvironmentKey, number: number): Promise<Release | null>
  /** Newest first. */
  listReleases(key: EnvironmentKey, limit: number): Promise<readonly Release[]>
  /**
   * The release that serves: the newest whose run is live or settled (core/keep.ts). Derived, not stored.
   */
  servingRelease(key: EnvironmentKey): Promise<Release | null>

  /** `version` 0 asks for the newest. Values come decrypted. */
  readConfig(key: EnvironmentKey, version: number): Promise<ConfigVersion>
  /** Writes version `expected + 1`; `conflict` when someone was faster. */
  writeConfig(
    key: EnvironmentKey,
    expected: number,
    values: Readonly<Record<string, Secret>>,
    by: string,
    now: number,
  ): Promise<ConfigVersion>

  findImage(app: AppName, buildKey: string): Promise<Image | null>
  saveImage(app: AppName, image: Image, now: number): Promise<void>

  /** A step of verify that passed with this key; null: none that is remembered. */
  findPassedStep(app: AppName, key: string): Promise<StepVerdict | null>
  /** The newest of a key stays, and of an app the newest thousand. Nothing happens when the app is gone. */
  savePassedStep(app: AppName, key: string, step: StepVerdict, now: number): Promise<void>

  /**
   * A name for an environment; the same once more is no change. `already-exists` when another environment has it,
   * `conflict` when the app is marked as destroyed, `not-found` when there is no such environment. Goes with the app.
   */
  addDomain(domain: DomainRow): Promise<DomainRow>
  /** By name. */
  listDomains(): Promise<readonly DomainRow[]>
  /** `not-found` when the environment has no such name. */
  removeDomain(key: EnvironmentKey, name: DomainName): Promise<void>

  /** The same id once more is no change. */
  saveCertificate(certificate: CertificateRow, pem: Secret): Promise<void>
  /** Newest first. */
  listCertificates(): Promise<readonly CertificateRow[]>
  /** Chain and key in one PEM text; null when it is gone. */
  openCertificate(id: string): Promise<Secret | null>
  /** `not-found` when there is none. */
  removeCertificate(id: string): Promise<void>

  /** How far each name's certificate by ACME is, by name. Written by the orders' loop alone (src/domains), but for `hurryOrder`. */
  listOrders(): Promise<readonly OrderRow[]>
  saveOrder(order: OrderRow): Promise<void>
  removeOrder(name: DomainName): Promise<void>
  /** The next try is now, unless the name has been seen: then a CA has been asked, and its times hold. */
  hurryOrder(name: DomainName, now: number): Promise<void>

  readAcme(): Promise<AcmeRow | null>
  writeAcme(acme: AcmeRow): Promise<void>
  /** The account's key goes too. No error when there is none. */
  removeAcme(): Promise<void>

  /**
   * Rows read back from the cluster into an empty database (law: readable-from-the-cluster): all of them in one batch,
   * or none, so that whoever is killed in it starts from the beginning. The only writer of a run that does not begin as
   * `queued`. What is there stays.
   */
  restore(apps: readonly RestoredApp[]): Promise<void>

  /** What the operator has set on the whole platform, by name. */
  readSettings(): Promise<Readonly<Record<string, string>>>
  /** Null takes it back. Sealed under the data key, whatever it says: some are credentials. */
  writeSetting(name: string, value: string | null): Promise<void>

  /**
   * All rows as they are at one moment, into a new file that opens like this store; writers go on meanwhile. Rejects
   * `already-exists` when the file is there, and leaves none behind when it fails.
   */
  copyTo(path: string): Promise<void>
  close(): Promise<void>
}

export interface AppRow {
  readonly app: AppName
  readonly createdAt: number
  readonly createdBy: string
  readonly destroyedAt: number | null
}

export interface EnvironmentRow extends EnvironmentKey {
  readonly branch: BranchName
}

export interface DomainRow extends EnvironmentKey {
  readonly name: DomainName
  readonly by: string
  readonly at: number
}

/** What a certificate says of itself; times in ms since the epoch. */
export interface CertificateRow {
  /** The first 16 hex digits of its SHA-256. */
  readonly id: string
  /** `own`: someone gave it. */
  readonly source: 'own' | 'acme'
  readonly names: readonly string[]
  readonly issuer: string
  readonly notBefore: number
  readonly notAfter: number
  readonly by: string
  readonly at: number
}

/** docs/design/domains.md has the table of states. */
export interface OrderRow {
  readonly name: DomainName
  readonly state: 'added' | 'seen' | 'rehearsed' | 'certified'
  /** Why it is in this state; after a refusal, whose and what it said. */
  readonly reason: string
  /** Refused so often in a row. */
  readonly attempts: number
  readonly nextAt: number
  readonly changedAt: number
}

export interface AcmeSettings {
  readonly directory: string
  /** Asked first; null: no one is. */
  readonly rehearsal: string | null
  /**
   * The directory itself is only for rehearsals (a CA's staging): browsers trust no certificate of it. Absent: turned on
   * before this was asked, and it is when it is Let's Encrypt's staging.
   */
  readonly isRehearsal?: boolean
  readonly email: string | null
  /** PEM of the CA that the directory's own HTTPS is of; null: one that everybody knows. */
  readonly ca: string | null
  /** Root's word: the directories may be in the platform's own network. Absent: turned on before this was asked. */
  readonly isInternal?: boolean
  /** Visitors of hosts with a certificate of ACME are kept to HTTPS. Absent: yes. */
  readonly redirect?: boolean
  /** A program in /etc/lading/hooks; null: no wildcards. */
  readonly dnsHook: string | null
  readonly by: string
  readonly at: number
}

export interface AcmeRow extends AcmeSettings {
  /** The account's, PEM. */
  readonly key: Secret
}

export interface RestoredApp {
  readonly app: AppRow
  readonly environments: readonly RestoredEnvironment[]
}

export interface RestoredEnvironment extends EnvironmentRow {
  readonly config: readonly ConfigVersion[]
  readonly domains: readonly DomainName[]
  /** Oldest first, each with the release that it made. */
  readonly runs: readonly RestoredRun[]
}

export interface RestoredRun {
  readonly run: Run
  readonly release: Release
  /** Results of its steps, as `saveStep` keeps them. */
  readonly steps: Readonly<Record<string, unknown>>
}

export interface NewRun extends EnvironmentKey {
  readonly id: RunId
  readonly intent: RunIntent
  readonly by: string
  readonly reason: string
  readonly now: number
}

export interface RunLine {
  readonly at: number
  readonly text: string
}

export interface ConfigVersion {
  readonly version: number
  readonly values: Readonly<Record<string, Secret>>
  readonly by: string
  readonly at: number
}

/** A commit a run is about, when it has one. */
export function commitOf(intent: RunIntent): CommitId | null {
  return intent.kind === 'commit' ? intent.commit : null
}
