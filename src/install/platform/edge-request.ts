import { request } from 'node:http'

export interface EdgeAnswer {
  readonly status: number
  readonly body: string
}

/** GET of a host, `/` or another path, through this node's edge, whatever the name resolves to. Null when nothing listens. */
export async function askEdge(
  host: string,
  signal: AbortSignal,
  more: { readonly path?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<EdgeAnswer | null> {
  return new Promise((resolve, reject) => {
    const headers = { ...more.headers, host }
    const what = { host: '127.0.0.1', port: 80, path: more.path ?? '/', headers, agent: false, signal }
    const outgoing = request(what, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    outgoing.on('error', () => (signal.aborted ? reject(signal.reason) : resolve(null)))
    outgoing.end()
  })
}
