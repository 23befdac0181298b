import { createServer, type Server } from 'node:http'
import type { EdgePaths } from '../proxy/haproxy/files.ts'
import { listenPrivately, writeWhole } from '../lib/files.ts'

/** Tells the log follower which HAProxy is the newest. */
export async function showRouter(paths: EdgePaths, process: number): Promise<void> {
  const runtimeSocket = paths.routerSocket(process)
  await writeWhole(paths.newestRouter, `${JSON.stringify({ runtimeSocket })}\n`)
}

/**
 * The follower's socket to the keeper: `GET /edge/tenants`, `PUT /brakes/<container>` and no more, for behind the keeper's own
 * socket is the engine. The path always leads to a keeper.
 */
export async function openOccupantsSocket(
  path: string,
  generation: number,
  { occupants, brake }: { readonly occupants: () => object; readonly brake: (container: string) => void },
): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume()
    const [, container] = /^\/brakes\/([0-9a-f]{64})$/.exec(request.url ?? '') ?? []
    if (request.method === 'PUT' && container !== undefined) {
      brake(container)
      return void response.writeHead(204).end()
    }
    if (request.method !== 'GET' || request.url !== '/edge/tenants') return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(occupants())}\n`)
  })
  await listenPrivately(server, path, `${path}.${generation}`)
  return server
}
