// eslint-disable-next-line no-restricted-imports -- the proof of a push is a secret: it is never from a seed
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../core/clock.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import type { Store } from '../store/store.ts'
import type { GitRepositories } from './git-repositories.ts'
import { handleGit, type GitHttpContext } from './http-server.ts'
import { ReceiveSocket } from './receive-socket.ts'
import { receive } from './receive.ts'

export interface GitDoorOptions extends Pick<GitHttpContext, 'authenticate' | 'authorize' | 'log'> {
  readonly repositories: GitRepositories
  readonly store: Pick<Store, 'findApp' | 'environmentOfBranch' | 'servingRelease'>
  readonly pipeline: Pick<Pipeline, 'submit' | 'follow' | 'cancel'>
  /** Folder for `receive.sock`. */
  readonly runDir: string
  readonly clock: Clock
}

export interface GitDoor {
  /** False when the path is not git's; otherwise the request is answered. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  start(signal: AbortSignal): Promise<void>
  /** Before the pipeline stops: open pushes are cancelled or, past the point of no return, let go, and told so. */
  stop(): Promise<void>
}

/** The door a `git push` comes through: smart HTTP in front, the `proc-receive` bridge behind. */
export function createGitDoor(options: GitDoorOptions): GitDoor {
  const socket = new ReceiveSocket({
    runDir: options.runDir,
    clock: options.clock,
    receive: (push, signal) => receive(push, options, signal),
    log: options.log,
  })
  const context: GitHttpContext = {
    ...options,
    program: options.repositories.program,
    admit: caller => {
      // Not an id but a proof: only a hook of this very push knows it.
      const push = randomBytes(16).toString('hex')
      socket.admit(push, caller)
      return {
        hookEnvironment: { LADING_RECEIVE_SOCKET: socket.path, LADING_PUSH: push },
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
