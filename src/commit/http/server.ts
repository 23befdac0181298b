import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Principal } from '../../access/principal.ts'
import type { Clock } from '../../core/clock.ts'
import { AppError, asAppError } from '../../core/errors.ts'
import { parseAppName, type AppName } from '../../core/names.ts'
import type { Store } from '../../store/store.ts'
import type { GitProgram } from '../git/program.ts'
import type { Caller } from '../receive/socket.ts'
import { plain, serveGit, type GitRequest } from './backend.ts'

interface GitAction {
  readonly app: AppName
  readonly action: 'fetch' | 'push'
  /** For the record of who did what. */
  readonly request: IncomingMessage
}

export interface GitHttpContext {
  readonly program: GitProgram
  readonly store: Pick<Store, 'findApp'>
  readonly clock: Clock
  /** Null: 401. Git clients send the token as the password of Basic authentication (RFC 7617). */
  readonly authenticate: (request: IncomingMessage) => Promise<Principal | null>
  /** False: 403. An AppError is answered with its own status and words. */
  readonly authorize: (principal: Principal, what: GitAction) => Promise<boolean>
  /** Aborted when what the principal showed is taken back: then the line is cut. Without it, it never is. */
  readonly revoked?: (principal: Principal) => AbortSignal
  /** A push is about to call through its hook; `done` when it is over, or its client has left (any number of times). */
  readonly admit: (caller: Caller) => Promise<{
    hookEnvironment: Readonly<Record<string, string>>
    done: () => void
  }>
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

type Route = Pick<GitRequest, 'operation' | 'service'> & { readonly appText: string }

/**
 * Git's smart HTTP for `/<app>.git/…`; false when the path is not git's. The server it is mounted on must not limit the
 * time of a whole request (`requestTimeout: 0`): a large push on a slow line takes what it takes.
 */
export function handleGit(request: IncomingMessage, response: ServerResponse, context: GitHttpContext): boolean {
  if (!/^\/[^/?]+\.git\//.test(request.url ?? '')) return false
  serve(request, response, context).catch((error: unknown) => {
    const known = asAppError(error)
    if (known.code === 'internal') context.log('git-request-failed', { error: known.message })
    if (response.headersSent) response.destroy()
    else refuse(response, known)
  })
  return true
}

async function serve(request: IncomingMessage, response: ServerResponse, context: GitHttpContext): Promise<void> {
  const route = parseRoute(request)
  if (!route) throw new AppError('not-found', 'This is not an address git asks for.')
  // Git does not; what it would become is bounded by nothing.
  if (route.operation === 'push' && request.headers['content-encoding'] !== undefined) {
    throw new AppError('invalid-input', 'A push is not to be compressed once more (content-encoding).')
  }
  const principal = await context.authenticate(request)
  if (!principal)
    throw new AppError('not-authenticated', 'Give your Lading token as the password; any user name will do.')
  const app = await findApp(route.appText, context)
  const isPush = route.service === 'git-receive-pack'
  const action = { app, action: isPush ? 'push' : 'fetch', request } as const
  if (!(await authorized(principal, action, context))) {
    throw new AppError('not-allowed', `${principal.name} may not ${isPush ? 'push to' : 'fetch from'} ${app}.`)
  }
  const { operation, service } = route
  const only = principal.kind === 'robot' ? { only: principal.environment } : {}
  const caller = { app, by: principal.name, ...only }
  // As if the client had left: a push that no one may make any more ends like one whose line was cut.
  const cut = () => response.destroy()
  const revoked = context.revoked?.(principal)
  revoked?.addEventListener('abort', cut, { once: true })
  const { hookEnvironment, done } =
    operation === 'push' ? await context.admit(caller) : { hookEnvironment: {}, done: () => {} }
  try {
    // Who left while we looked things up will not tell us again.
    if (response.destroyed) return
    const end = await serveGit(
      request,
      response,
      { ...caller, operation, service, hookEnvironment, onLeft: done },
      context,
    )
    if (end.code !== 0 && !end.clientLeft) context.log('git-ended', { app, service, code: end.code, said: end.stderr })
  } finally {
    revoked?.removeEventListener('abort', cut)
    done()
  }
}

/** The three addresses of smart HTTP; the "dumb" protocol's files are not served. */
function parseRoute(request: IncomingMessage): Route | null {
  const match = /^\/([^/?]+)\.git\/(info\/refs|git-upload-pack|git-receive-pack)(?:\?(.*))?$/.exec(request.url ?? '')
  if (!match) return null
  const [, appText = '', address = '', query = ''] = match
  const isAdvertisement = address === 'info/refs'
  if (request.method !== (isAdvertisement ? 'GET' : 'POST')) return null
  const service = isAdvertisement ? new URLSearchParams(query).get('service') : address
  if (service !== 'git-upload-pack' && service !== 'git-receive-pack') return null
  const operation = isAdvertisement ? 'advertise' : service === 'git-receive-pack' ? 'push' : 'fetch'
  return { appText, operation, service }
}

async function findApp(text: string, { store }: GitHttpContext): Promise<AppName> {
  const row = isAppName(text) ? await store.findApp(parseAppName(text)) : null
  if (row && row.destroyedAt === null) return row.app
  throw noSuchApp(text)
}

/** Who does not see the app is told what he would be told without it. */
async function authorized(principal: Principal, action: GitAction, context: GitHttpContext): Promise<boolean> {
  try {
    return await context.authorize(principal, action)
  } catch (error) {
    throw asAppError(error).code === 'not-found' ? noSuchApp(action.app) : error
  }
}

function noSuchApp(text: string): AppError {
  const shown = text.replace(/[^A-Za-z0-9._-]/g, '?').slice(0, 60)
  return new AppError('not-found', `There is no app ${shown} here.`, { hint: '"lading create" makes one.' })
}

function isAppName(text: string): boolean {
  try {
    parseAppName(text)
    return true
  } catch (error) {
    if (asAppError(error).code === 'invalid-input') return false
    throw error
  }
}

/** Git shows the lines of a `text/plain` error as `remote:` lines. */
function refuse(response: ServerResponse, { code, status, message, hint }: AppError): void {
  if (code === 'internal') return plain(response, status, 'Lading failed to answer; its log says why.')
  const headers = code === 'not-authenticated' ? { 'www-authenticate': 'Basic realm="Lading", charset="UTF-8"' } : {}
  plain(response, status, hint ? `${message}\n${hint}` : message, headers)
}
