import type { IncomingMessage } from 'node:http'
import type {
  AppDocument,
  AttachDocument,
  AuditDocument,
  BillDocument,
  CleanedDocument,
  ConfigChangeDocument,
  ConfigDocument,
  EjectDocument,
  AcmeDocument,
  CertificatesDocument,
  DomainDocument,
  InfoDocument,
  LimitDocument,
  LogEntry,
  MemberDocument,
  MemberRemovalDocument,
  ProcessDocument,
  ReleaseDocument,
  ServiceDocument,
  StreamError,
  TokenDocument,
  VersionDocument,
} from '../../api/documents.ts'
import type { Problem } from '../../api/problem.ts'
import { AppError, type ErrorCode } from '../../core/errors.ts'
import type { Verdict } from '../../core/release.ts'
import type { Run } from '../../core/run.ts'
import type { RunEvent } from '../../pipeline/pipeline.ts'
import type { ServiceBackup } from '../../services/services.ts'
import { type Call, type Place, send } from './http.ts'
import { linesOf } from '../../lib/async/lines.ts'
import { eventsOf } from '../server-events.ts'

export interface RunWithLines extends Run {
  readonly lines: readonly { readonly at: number; readonly text: string }[]
  /** Null: it did not come so far; not sent by older ones. */
  readonly verdict?: Verdict | null
}

/** A file of any size. */
export interface Download {
  /** Null: not known before its end. */
  readonly bytes: number | null
  readonly chunks: AsyncIterable<Uint8Array>
}

/** Which lines of a log. */
export interface LogQuery {
  readonly tail: number
  readonly follow: boolean
  /** RFC 3339; null: from the first. */
  readonly since: string | null
  readonly sources: readonly string[]
}

/** The API, typed. Every method rejects with the AppError that the control plane gave, or `unavailable`. */
export class Client {
  readonly place: Place
  readonly #signal: AbortSignal

  constructor(place: Place, signal: AbortSignal) {
    this.place = place
    this.#signal = signal
  }

  info = () => this.#json<InfoDocument>('GET', '/v1/info')
  version = () => this.#json<VersionDocument>('GET', '/v1/version')
  clean = () => this.#json<CleanedDocument>('POST', '/v1/clean')
  limits = () => this.#json<LimitDocument[]>('GET', '/v1/limits')
  changeLimits = (changes: Readonly<Record<string, string | null>>) =>
    this.#json<LimitDocument[]>('PATCH', '/v1/limits', changes)
  apps = () => this.#json<AppDocument[]>('GET', '/v1/apps')
  app = (app: string) => this.#json<AppDocument>('GET', appPath(app))
  create = (name: string) => this.#json<AppDocument>('POST', '/v1/apps', { name })
  destroy = (app: string) => this.#json<{ destroyed: boolean }>('DELETE', appPath(app), { confirm: app })

  releases = (app: string, limit: number) =>
    this.#json<ReleaseDocument[]>('GET', `${environmentPath(app)}/releases?limit=${limit}`)
  bill = (app: string, release: string) =>
    this.#json<BillDocument>('GET', `${environmentPath(app)}/releases/${encodeURIComponent(release)}`)
  deploy = (app: string, options: { commit?: string | undefined; fresh?: boolean | undefined }) =>
    this.#run(app, 'deploy', options)
  rollback = (app: string, options: { to?: number; releasePhase: boolean }) => this.#run(app, 'rollback', options)
  scale = (app: string, formation: Readonly<Record<string, number>>) => this.#run(app, 'scale', { formation })

  config = (app: string) => this.#json<ConfigDocument>('GET', `${environmentPath(app)}/config`)
  changeConfig = (app: string, changes: Readonly<Record<string, string | null>>) =>
    this.#json<ConfigChangeDocument>('PATCH', `${environmentPath(app)}/config`, changes)

  certificates = () => this.#json<CertificatesDocument>('GET', '/v1/certificates')
  addCertificate = (chain: string, key: string) =>
    this.#json<CertificatesDocument['given'][number]>('POST', '/v1/certificates', { chain, key })
  removeCertificate = (id: string) => this.#json<{ id: string }>('DELETE', `/v1/certificates/${encodeURIComponent(id)}`)
  acme = () => this.#json<AcmeDocument>('GET', '/v1/acme')
  turnAcmeOn = (settings: object) => this.#json<AcmeDocument>('PUT', '/v1/acme', settings)
  turnAcmeOff = () => this.#json<AcmeDocument>('DELETE', '/v1/acme')
  allDomains = () => this.#json<DomainDocument[]>('GET', '/v1/domains')
  domains = (app: string) => this.#json<DomainDocument[]>('GET', `${environmentPath(app)}/domains`)
  addDomain = (app: string, name: string) =>
    this.#json<DomainDocument>('POST', `${environmentPath(app)}/domains`, { name })
  removeDomain = (app: string, name: string) =>
    this.#json<{ name: string }>('DELETE', `${environmentPath(app)}/domains/${encodeURIComponent(name)}`)

  services = () => this.#json<ServiceDocument[]>('GET', '/v1/services')
  service = (name: string) => this.#json<ServiceDocument>('GET', servicePath(name))
  createService = (service: { kind: string; name: string; from?: string }) =>
    this.#json<ServiceDocument>('POST', '/v1/services', service)
  destroyService = (name: string) => this.#json<{ service: string }>('DELETE', servicePath(name), { confirm: name })
  serviceBackups = () => this.#json<ServiceBackup[]>('GET', '/v1/service-backups')
  backUpService = (name: string) => this.#json<ServiceBackup>('POST', `${servicePath(name)}/backups`)
  attachService = (app: string, what: { service: string; as: string | undefined }) =>
    this.#json<AttachDocument>('POST', `${environmentPath(app)}/services`, what)
  detachService = (app: string, name: string) =>
    this.#json<AttachDocument>('DELETE', `${environmentPath(app)}/services/${encodeURIComponent(name)}`)

  processes = (app: string) => this.#json<ProcessDocument[]>('GET', `${environmentPath(app)}/processes`)

  async *logs(app: string, { tail, follow, since, sources }: LogQuery): AsyncGenerator<LogEntry, void, undefined> {
    const query = new URLSearchParams({ tail: String(tail), follow: follow ? '1' : '0' })
    if (since !== null) query.set('since', since)
    if (sources.length > 0) query.set('source', sources.join(','))
    const answer = await this.#send({ method: 'GET', path: `${environmentPath(app)}/logs?${query.toString()}` })
    yield* this.#lines<LogEntry>(answer)
  }

  /** Oldest first: the newest `tail`; null: all that are kept. */
  async *audit(tail: number | null): AsyncGenerator<AuditDocument, void, undefined> {
    const path = tail === null ? '/v1/audit' : `/v1/audit?tail=${tail}`
    yield* this.#lines<AuditDocument>(await this.#send({ method: 'GET', path }))
  }

  runs = (app: string, limit: number) => this.#json<Run[]>('GET', `${environmentPath(app)}/runs?limit=${limit}`)
  run = (id: string) => this.#json<RunWithLines>('GET', runPath(id))
  cancel = (id: string) => this.#json<Run>('POST', `${runPath(id)}/cancel`)

  /** Lines after number `after`, then the outcome. It may end before, when the connection is cut. */
  async *follow(id: string, after: number): AsyncGenerator<RunEvent, void, undefined> {
    const headers = { accept: 'text/event-stream', 'last-event-id': String(after) }
    const answer = await this.#send({ method: 'GET', path: `${runPath(id)}/events`, headers })
    for await (const { event, data } of eventsOf(this.#body(answer))) {
      if (event === 'line') yield { kind: 'line', ...(JSON.parse(data) as { seq: number; text: string }) }
      if (event === 'outcome') yield { kind: 'outcome', run: JSON.parse(data) as Run }
      if (event === 'error') {
        const { code, message } = JSON.parse(data) as StreamError['error']
        throw new AppError(code, message)
      }
    }
  }

  tokens = () => this.#json<TokenDocument[]>('GET', '/v1/tokens')
  createToken = (wanted: object) => this.#json<TokenDocument & { readonly token: string }>('POST', '/v1/tokens', wanted)
  revokeToken = (id: string) => this.#json<TokenDocument>('DELETE', `/v1/tokens/${encodeURIComponent(id)}`)
  members = () => this.#json<MemberDocument[]>('GET', '/v1/members')
  addMember = (name: string, grant: object) => this.#json<MemberDocument>('PUT', memberPath(name), grant)
  removeMember = (name: string, grant: object) => this.#json<MemberRemovalDocument>('DELETE', memberPath(name), grant)

  eject = (app: string) => this.#json<EjectDocument>('GET', `${environmentPath(app)}/eject`)
  image = (app: string, release: number) => this.#download(`${environmentPath(app)}/releases/${release}/image`)
  repository = (app: string) => this.#download(`${appPath(app)}/repository`)

  async #download(path: string): Promise<Download> {
    const answer = await this.#send({ method: 'GET', path })
    const length = answer.headers['content-length']
    return { bytes: length === undefined ? null : Number(length), chunks: this.#body(answer) }
  }

  /** NDJSON; an empty line is a heartbeat. */
  async *#lines<T extends object>(answer: IncomingMessage): AsyncGenerator<T, void, undefined> {
    for await (const line of linesOf(this.#body(answer))) {
      if (line === '') continue
      const item = JSON.parse(line) as T | StreamError
      if ('error' in item) throw new AppError(item.error.code, item.error.message)
      yield item
    }
  }

  async #run(app: string, verb: string, body: unknown): Promise<Run> {
    return (await this.#json<{ run: Run }>('POST', `${environmentPath(app)}/${verb}`, body)).run
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.#send({ method, path, ...(body !== undefined && { body }) })
    return JSON.parse(await textOf(this.#body(answer))) as T
  }

  async #send(call: Call): Promise<IncomingMessage> {
    const answer = await send(this.place, call, this.#signal)
    if ((answer.statusCode ?? 500) < 400) return answer
    throw asError(answer, await textOf(this.#body(answer)))
  }

  /** A cut line is `unavailable` and retryable, whatever Node calls it. */
  async *#body(answer: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* answer as AsyncIterable<Uint8Array>
    } catch (cause) {
      if (this.#signal.aborted) throw this.#signal.reason
      throw new AppError('unavailable', 'the connection to the control plane was cut', { retryable: true, cause })
    }
  }
}

function appPath(app: string): string {
  return `/v1/apps/${encodeURIComponent(app)}`
}

/** Until environments have a command of their own, there is production. */
function environmentPath(app: string): string {
  return `${appPath(app)}/environments/production`
}

function memberPath(name: string): string {
  return `/v1/members/${encodeURIComponent(name)}`
}

function runPath(id: string): string {
  return `/v1/runs/${encodeURIComponent(id)}`
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** What is not our problem+json comes from whatever else answers at that address: the edge, or a foreign server. */
function asError(answer: IncomingMessage, text: string): AppError {
  if (!(answer.headers['content-type'] ?? '').startsWith('application/problem+json')) {
    const edge = answer.headers['lading-error']
    if (edge !== undefined) return edgeError(edge === 'H404')
    const isEdge = answer.statusCode === 503 || answer.statusCode === 502
    return new AppError('unavailable', `the address answers ${answer.statusCode}, and it is not the control plane`, {
      hint: isEdge
        ? 'It may be starting: try again in a few seconds.'
        : 'Is LADING_URL right? It is https://lading.<base domain>.',
      retryable: isEdge,
    })
  }
  const problem = JSON.parse(text) as Problem
  return new AppError(problem.code as ErrorCode, problem.detail, {
    retryable: problem.retryable,
    details: problem.details,
    ...(problem.hint !== undefined && { hint: problem.hint }),
  })
}

/** The edge answered itself (docs/design/edge.md): it has no route to the control plane, or no one behind it. */
function edgeError(isUnknown: boolean): AppError {
  const sentence = isUnknown
    ? 'the edge has no route to a control plane at this name'
    : 'the edge answers, and no control plane behind it'
  return new AppError('unavailable', sentence, {
    hint: `${isUnknown ? 'Is LADING_URL right? It is https://lading.<base domain>.' : 'One that was restarted is back in half a minute; apps go on.'} On the server: "docker service ps lading-control --no-trunc".`,
    retryable: !isUnknown,
  })
}

function servicePath(name: string): string {
  return `/v1/services/${encodeURIComponent(name)}`
}
