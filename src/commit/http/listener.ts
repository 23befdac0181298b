// eslint-disable-next-line no-restricted-imports -- the proof of a push is a secret: it is never from a seed
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import { defaultLimits, type Limits } from '../../core/limits.ts'
import type { AppName } from '../../core/names.ts'
import type { Pipeline } from '../../pipeline/pipeline.ts'
import type { Store } from '../../store/store.ts'
import type { GitRepositories } from '../git/repositories.ts'
import { withSettings } from '../git/program.ts'
import { handleGit, type GitHttpContext } from './server.ts'
import { inspect, roomFor, type InspectDeps } from '../receive/inspect.ts'
import { ReceiveSocket } from '../receive/socket.ts'
import { receive } from '../receive/receive.ts'

export interface GitListenerOptions extends Pick<GitHttpContext, 'authenticate' | 'authorize' | 'revoked' | 'log'> {
  readonly repositories: GitRepositories
  readonly store: Pick<Store, 'findApp' | 'environmentOfBranch' | 'listEnvironments' | 'servingRelease'>
  readonly pipeline: Pick<Pipeline, 'submit' | 'follow' | 'cancel'>
  /** Folder for `receive.sock`. */
  readonly runDir: string
  readonly clock: Clock
  /** What the operator has set; without it, the defaults. */
  readonly limits?: () => Limits
  /** On the disk of the repositories; without it, it is not asked. */
  readonly freeBytes?: () => Promise<number>
}

export interface GitListener {
  /** False when the path is not git's; otherwise the request is answered. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  start(signal: AbortSignal): Promise<void>
  /** Before the pipeline stops: open pushes are cancelled or, past the point of no return, let go, and told so. */
  stop(): Promise<void>
}

/** The listener a `git push` comes through: smart HTTP in front, the `proc-receive` bridge behind. */
export function createGitListener(options: GitListenerOptions): GitListener {
  const { repositories, limits = () => defaultLimits, freeBytes = async () => Infinity } = options
  const deps = { repositories, limits, freeBytes }
  const socket = new ReceiveSocket({
    runDir: options.runDir,
    clock: options.clock,
    receive: (push, signal) => receive(push, options, signal),
    inspect: (arrival, signal) => inspect(arrival, deps, signal),
    log: options.log,
  })
  const context: GitHttpContext = {
    ...options,
    program: options.repositories.program,
    admit: async caller => {
      const settings = await largestPack(caller.app, deps)
      // Not an id but a proof: only a hook of this very push knows it.
      const push = randomBytes(16).toString('hex')
      socket.admit(push, caller)
      return {
        hookEnvironment: { ...settings, LADING_RECEIVE_SOCKET: socket.path, LADING_PUSH: push },
        done: () => socket.forget(push),
      }
    },
  }
  return {
    handle: (request, response) => handleGit(request, response, context),
    start: signal => socket.start(signal),
    stop: () => socket.stop(),
  }
}

/** What is small comes in, so that our own hook can say why there is no room for it. */
const alwaysTaken = 1024 * 1024

/** Git stops reading at the largest pack there is room for, in the repository and on the disk. */
async function largestPack(app: AppName, deps: InspectDeps): Promise<Readonly<Record<string, string>>> {
  const { environment } = deps.repositories.program
  const { inRepository, onDisk } = await roomFor(app, deps, AbortSignal.timeout(60_000))
  const room = Math.max(alwaysTaken, Math.min(inRepository, onDisk))
  const { pushBytes } = deps.limits()
  return room < pushBytes ? withSettings(environment, [['receive.maxInputSize', String(Math.floor(room))]]) : {}
}
