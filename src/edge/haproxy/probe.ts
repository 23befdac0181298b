import { get } from 'node:http'

/**
 * One health check as HAProxy makes it, for slots whose checks are switched off while their lane fails open. Resolves
 * true for a status of 200–399 within a second. HTTP/2 without TLS is spoken with node:http2, loaded only then.
 */
export async function probe(protocol: 'h1' | 'h2c', address: string, path: string): Promise<boolean> {
  const status = protocol === 'h1' ? await statusOverHttp1(address, path) : await statusOverHttp2(address, path)
  return status !== null && status >= 200 && status < 400
}

function statusOverHttp1(address: string, path: string): Promise<number | null> {
  return new Promise(resolve => {
    const request = get(`http://${address}${path}`, { timeout: 1000, agent: false }, response => {
      response.resume()
      resolve(response.statusCode ?? null)
    })
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', () => resolve(null))
  })
}

async function statusOverHttp2(address: string, path: string): Promise<number | null> {
  const http2 = await import('node:http2')
  return new Promise(resolve => {
    const session = http2.connect(`http://${address}`)
    const end = (status: number | null) => {
      session.destroy()
      resolve(status)
    }
    session.setTimeout(1000, () => end(null))
    session.on('error', () => end(null))
    const stream = session.request({ ':path': path })
    stream.on('response', headers => end(headers[':status'] ?? null))
    stream.on('error', () => end(null))
  })
}
