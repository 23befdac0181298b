import { Agent, request } from 'node:http'
import type { CommitId } from '../../../src/core/names.ts'
import type { Run } from '../../../src/core/run.ts'
import type { EdgeState } from '../../../src/edge/edges.ts'
import type { Host } from '../../rig/host.ts'

const agent = new Agent({ keepAlive: true, maxSockets: 4 })

/** A call on a socket of the host; rejects when nothing answers within five seconds. */
export async function call(
  host: Host,
  socket: 'control.sock' | 'keeper.sock',
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; text: string }> {
  const socketPath = await host.path(`/run/lading/${socket}`)
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options
    const signal = AbortSignal.timeout(5_000)
    const sent = request({ socketPath, path, method, headers, agent, signal }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** The newest runs of an app's production, newest first. */
async function runs(host: Host, app: string): Promise<readonly Run[]> {
  const path = `/v1/apps/${app}/environments/production/runs?limit=20`
  const { status, text } = await call(host, 'control.sock', path)
  if (status !== 200) throw new Error(`${status} ${text}`)
  return JSON.parse(text) as Run[]
}

/** The run that a push of this commit made; null when it has made none. */
export async function runOf(host: Host, app: string, commit: string): Promise<Run | null> {
  const list = await runs(host, app)
  return list.find(({ intent }) => intent.kind === 'commit' && intent.commit === (commit as CommitId)) ?? null
}

export async function edgeState(host: Host): Promise<EdgeState> {
  const { status, text } = await call(host, 'keeper.sock', '/edge/state')
  if (status !== 200) throw new Error(`${status} ${text}`)
  return JSON.parse(text) as EdgeState
}
