import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import type { AppName } from '../../core/names.ts'
import type { GitProgram } from '../git/program.ts'

export interface GitRequest {
  readonly app: AppName
  readonly operation: 'advertise' | 'fetch' | 'push'
  readonly service: 'git-upload-pack' | 'git-receive-pack'
  readonly by: string
  /** Environment of the hooks. */
  readonly hookEnvironment: Readonly<Record<string, string>>
  /** Called at once when the client leaves before it has the whole answer. */
  readonly onLeft: () => void
}

const graceMs = 5000
const longestHead = 16 * 1024

/**
 * One smart-HTTP request through `git http-backend` (CGI, RFC 3875), streaming both ways: what one side does not take,
 * the other does not send. Resolves when git has ended. When the client leaves, git is let go in the order that leaves
 * no half-written objects behind: its input ends, and `onLeft` ends the hook.
 */
export async function serveGit(
  request: IncomingMessage,
  response: ServerResponse,
  call: GitRequest,
  { program, clock }: { readonly program: GitProgram; readonly clock: Clock },
): Promise<{ code: number | null; stderr: string; clientLeft: boolean }> {
  const environment = { ...program.environment, ...cgi(request, call, program), ...call.hookEnvironment }
  // A process group of its own, so that one signal reaches receive-pack, index-pack and the hook together.
  const child = spawn('git', ['http-backend'], { env: environment, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-2000)))

  // `pipeline` would destroy the request, and with it git's answer to one it does not read to the end (pack too large).
  child.stdin.on('error', () => {
    request.unpipe(child.stdin)
    request.resume()
  })
  request.pipe(child.stdin)
  pipeAnswer(child.stdout, response)

  const ended = new AbortController()
  let clientLeft = false
  response.once('close', () => {
    if (response.writableFinished || ended.signal.aborted) return
    clientLeft = true
    call.onLeft()
    letGo(child, call, clock, ended.signal).catch((error: unknown) => child.emit('error', error))
  })
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  ended.abort()
  if (!response.headersSent && !clientLeft) plain(response, 500, 'git ended without an answer')
  return { code, stderr: stderr.trim(), clientLeft }
}

/** Ends the response with text. */
export function plain(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers })
  response.end(`${text}\n`)
}

function cgi(request: IncomingMessage, call: GitRequest, program: GitProgram): Record<string, string> {
  const isAdvertisement = call.operation === 'advertise'
  const protocol = request.headers['git-protocol']
  return {
    GIT_PROJECT_ROOT: program.root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: `/${call.app}.git/${isAdvertisement ? 'info/refs' : call.service}`,
    QUERY_STRING: isAdvertisement ? `service=${call.service}` : '',
    REQUEST_METHOD: request.method ?? '',
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: typeof protocol === 'string' && /^version=[0-2]$/.test(protocol) ? protocol : '',
    REMOTE_USER: call.by,
    // No CONTENT_LENGTH: without it http-backend hands its input to git as it is and git reads to the end; with it, a
    // body that ends too early keeps http-backend (seen in 2.39) reading nothing in a loop for ever.
  }
}

/** CGI's head becomes ours; the body follows as it comes. */
function pipeAnswer(stdout: NodeJS.ReadableStream, response: ServerResponse): void {
  let head = Buffer.alloc(0)
  const onData = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0 && head.length < longestHead) return
    stdout.removeListener('data', onData)
    stdout.pause()
    if (end < 0) return plain(response, 500, 'git gave no proper answer')
    const lines = head.toString('latin1', 0, end).split('\r\n')
    const fields = lines.map(
      line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const,
    )
    const status = fields.find(([name]) => name.toLowerCase() === 'status')?.[1]
    // Nginx-like proxies hold an answer back until it is long; progress must not wait.
    response.setHeader('x-accel-buffering', 'no')
    response.writeHead(
      Number.parseInt(status ?? '200', 10),
      Object.fromEntries(fields.filter(([name]) => name.toLowerCase() !== 'status')),
    )
    response.write(head.subarray(end + 4))
    stdout.pipe(response)
  }
  stdout.on('data', onData)
}

/**
 * A fetch is killed. A push must not be: killed together with index-pack, receive-pack may remove its quarantine while
 * that still writes. Without input the one fails and the other tidies up. What is left after the grace is killed.
 */
async function letGo(
  child: ChildProcessWithoutNullStreams,
  call: GitRequest,
  clock: Clock,
  ended: AbortSignal,
): Promise<void> {
  child.stdout.unpipe()
  child.stdout.resume()
  child.stdin.destroy()
  try {
    if (call.operation === 'push') await clock.sleep(graceMs, ended)
    signalGroup(child.pid, 'SIGTERM')
    await clock.sleep(graceMs, ended)
    signalGroup(child.pid, 'SIGKILL')
  } catch (error) {
    if (!ended.aborted) throw error
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
