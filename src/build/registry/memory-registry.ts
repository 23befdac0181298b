import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { digestOf } from './registry.ts'

/** A registry in memory, speaking the same HTTP as the real one, for tests: `address` is where it listens. */
export async function memoryRegistry() {
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, { type: string; bytes: Buffer }>()
  const uploads = new Map<string, Buffer>()
  const calls: string[] = []

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://registry')
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    calls.push(`${request.method} ${url.pathname.replace(/[0-9a-f]{64}/, '…')}`)
    const end = (status: number, headers: Record<string, string> = {}, content?: Buffer) =>
      response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : content)
    const [, repository = '', kind, name = ''] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags)\/(.*)$/.exec(url.pathname) ?? []
    const key = `${repository}/${name}`

    if (kind === 'blobs/uploads' && request.method === 'POST') {
      const mount = url.searchParams.get('mount')
      const source = mount && blobs.get(`${url.searchParams.get('from')}/${mount}`)
      if (mount && source) {
        blobs.set(`${repository}/${mount}`, source)
        return end(201)
      }
      const id = String(uploads.size)
      uploads.set(id, Buffer.alloc(0))
      return end(202, { location: `http://elsewhere:1/v2/${repository}/blobs/uploads/${id}?state=x` })
    }
    if (kind === 'blobs/uploads') {
      if (request.method === 'DELETE') return end(uploads.delete(name) ? 204 : 404)
      const whole = Buffer.concat([uploads.get(name) ?? Buffer.alloc(0), body])
      uploads.set(name, whole)
      if (request.method === 'PATCH') return end(202, { location: `${url.pathname}?state=y` })
      if (url.searchParams.get('digest') !== digestOf(whole)) return end(400, {}, Buffer.from('DIGEST_INVALID'))
      blobs.set(`${repository}/${digestOf(whole)}`, whole)
      return end(201)
    }
    if (kind === 'blobs') {
      const blob = blobs.get(key)
      return blob ? end(200, { 'content-length': String(blob.length) }, blob) : end(404)
    }
    if (kind === 'tags') {
      const tags = [...manifests.keys()].filter(one => one.startsWith(`${repository}/`) && !one.includes('sha256:'))
      return end(200, {}, Buffer.from(JSON.stringify({ tags: tags.map(one => one.slice(repository.length + 1)) })))
    }
    if (kind === 'manifests' && request.method === 'PUT') {
      const { config, layers } = JSON.parse(body.toString()) as {
        config: { digest: string }
        layers: { digest: string }[]
      }
      const missing = [config, ...layers].some(one => !blobs.has(`${repository}/${one.digest}`))
      if (missing) return end(404, {}, Buffer.from('{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'))
      const stored = { type: request.headers['content-type'] ?? '', bytes: body }
      manifests.set(key, stored)
      manifests.set(`${repository}/${digestOf(body)}`, stored)
      return end(201)
    }
    if (url.pathname === '/v2/_catalog') {
      const names = [...manifests.keys()].map(one => one.slice(0, one.lastIndexOf('/')))
      return end(200, {}, Buffer.from(JSON.stringify({ repositories: [...new Set(names)].sort() })))
    }
    const manifest = manifests.get(key)
    if (manifest && request.method === 'DELETE') {
      for (const [name, { bytes }] of manifests)
        if (name.startsWith(`${repository}/`) && bytes.equals(manifest.bytes)) manifests.delete(name)
      return end(202)
    }
    return manifest ? end(200, { 'content-type': manifest.type }, manifest.bytes) : end(404)
  }

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: { host: '127.0.0.1', port },
    calls,
    manifests,
    blobs,
    [Symbol.asyncDispose]: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
