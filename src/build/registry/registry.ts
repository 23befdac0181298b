import { createHash } from 'node:crypto'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { defaults } from '../../core/defaults.ts'
import { AppError } from '../../core/errors.ts'
import { parseDigest, type Digest } from '../../core/names.ts'

/** The registry's own socket, or a host and port. Who may connect is decided in front of it; a URL carries no secret. */
export type RegistryAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number }

export interface Blob {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

export interface StoredManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Buffer
}

export const manifestType = 'application/vnd.docker.distribution.manifest.v2+json'
const readable = [manifestType, 'application/vnd.oci.image.manifest.v1+json'].join(', ')

const catalogPage = 1000

interface Call {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
}

/**
 * The registry's HTTP API, version 2. All calls are idempotent: blobs are named by their content. Rejects `unavailable`
 * (retryable) when the registry does not answer, `internal` when it answers what it should not.
 */
export class Registry {
  readonly #address: RegistryAddress
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16, timeout: 30_000 })

  constructor(address: RegistryAddress) {
    this.#address = address
  }

  /** Null when the repository has no such blob. */
  async statBlob(repository: string, digest: Digest, signal: AbortSignal): Promise<Blob | null> {
    const answer = await this.#call({ method: 'HEAD', path: `/v2/${repository}/blobs/${digest}` }, [200, 404], signal)
    return answer.status === 404 ? null : { digest, size: Number(answer.headers['content-length']) }
  }

  /** False when `from` has no such blob either. */
  async mountBlob(repository: string, digest: Digest, from: string, signal: AbortSignal): Promise<boolean> {
    const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`
    const answer = await this.#call({ method: 'POST', path }, [201, 202, 404], signal)
    if (answer.status === 202) await this.#call({ method: 'DELETE', path: locationOf(answer) }, [204, 404], signal)
    return answer.status === 201
  }

  /** Puts a blob that fits into memory; not sent when it is there already. */
  async putBlob(repository: string, bytes: Uint8Array, signal: AbortSignal): Promise<Blob & { isNew: boolean }> {
    const digest = digestOf(bytes)
    const known = await this.statBlob(repository, digest, signal)
    if (known) return { digest, size: bytes.length, isNew: false }
    const upload = await this.#begin(repository, signal)
    await this.#finish(upload, digest, bytes, signal)
    return { digest, size: bytes.length, isNew: true }
  }

  /** Puts a blob of any size as it comes, without holding it. */
  async streamBlob(
    repository: string,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Blob & { isNew: boolean }> {
    const hash = createHash('sha256')
    let size = 0
    async function* counted() {
      for await (const chunk of chunks) {
        hash.update(chunk)
        size += chunk.length
        yield chunk
      }
    }
    const upload = await this.#begin(repository, signal)
    const headers = { 'content-type': 'application/octet-stream' }
    const sent = await this.#call({ method: 'PATCH', path: upload, headers, body: counted() }, [202], signal)
    const digest = parseDigest(`sha256:${hash.digest('hex')}`)
    const known = await this.statBlob(repository, digest, signal)
    if (known) await this.#call({ method: 'DELETE', path: locationOf(sent) }, [204, 404], signal)
    else await this.#finish(locationOf(sent), digest, new Uint8Array(), signal)
    return { digest, size, isNew: known === null }
  }

  /** Rejects `not-found`. */
  async getBlob(repository: string, digest: Digest, signal: AbortSignal): Promise<Buffer> {
    const answer = await this.#call({ method: 'GET', path: `/v2/${repository}/blobs/${digest}` }, [200, 404], signal)
    if (answer.status === 404) throw new AppError('not-found', `the registry has no ${digest} in ${repository}`)
    return answer.body
  }

  /** A blob of any size as it comes; leaving the loop ends it. Rejects `not-found` before the first chunk. */
  async *readBlob(
    repository: string,
    digest: Digest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const path = `/v2/${repository}/blobs/${digest}`
    try {
      signal.throwIfAborted()
      const response = await this.#open({ method: 'GET', path }, signal)
      if (response.statusCode !== 200) {
        response.destroy()
        throw new AppError('not-found', `the registry has no ${digest} in ${repository} (${response.statusCode})`)
      }
      for await (const chunk of response) yield chunk as Buffer
    } catch (error) {
      throw silent(error, signal)
    }
  }

  /** By tag or digest; null when the repository has none. */
  async getManifest(repository: string, reference: string, signal: AbortSignal): Promise<StoredManifest | null> {
    const path = `/v2/${repository}/manifests/${reference}`
    const answer = await this.#call({ method: 'GET', path, headers: { accept: readable } }, [200, 404], signal)
    if (answer.status === 404) return null
    const mediaType = String(answer.headers['content-type'])
    return { digest: digestOf(answer.body), mediaType, bytes: answer.body }
  }

  /** Null: a blob that it names is not there (any more). */
  async putManifest(
    repository: string,
    reference: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    signal: AbortSignal,
  ): Promise<Digest | null> {
    const headers = { 'content-type': manifest.mediaType }
    const path = `/v2/${repository}/manifests/${reference}`
    const answer = await this.#call({ method: 'PUT', path, headers, body: manifest.bytes }, [201, 400, 404], signal)
    if (answer.status === 201) return digestOf(manifest.bytes)
    if (/BLOB_UNKNOWN/.test(answer.body.toString())) return null
    throw unexpected('PUT', path, answer)
  }

  /** No error when it is gone. Blobs go when the registry collects. */
  async deleteManifest(repository: string, digest: Digest, signal: AbortSignal): Promise<void> {
    await this.#call({ method: 'DELETE', path: `/v2/${repository}/manifests/${digest}` }, [202, 404], signal)
  }

  /** All repositories, those without a tag too, in pages of a thousand. */
  async repositories(signal: AbortSignal): Promise<readonly string[]> {
    const names: string[] = []
    for (let last: string | undefined = ''; last !== undefined;) {
      const path: string = `/v2/_catalog?n=${catalogPage}${last === '' ? '' : `&last=${encodeURIComponent(last)}`}`
      const answer = await this.#call({ method: 'GET', path }, [200], signal)
      const page = (JSON.parse(answer.body.toString()) as { repositories: string[] | null }).repositories ?? []
      names.push(...page)
      last = page.length < catalogPage ? undefined : page.at(-1)
    }
    return names
  }

  /** All tags of a repository, sorted; empty when there is none. */
  async tags(repository: string, signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#call({ method: 'GET', path: `/v2/${repository}/tags/list` }, [200, 404], signal)
    if (answer.status === 404) return []
    return (JSON.parse(answer.body.toString()) as { tags: string[] | null }).tags ?? []
  }

  /** Closes the kept connections. */
  close(): void {
    this.#agent.destroy()
  }

  async #begin(repository: string, signal: AbortSignal): Promise<string> {
    return locationOf(await this.#call({ method: 'POST', path: `/v2/${repository}/blobs/uploads/` }, [202], signal))
  }

  async #finish(upload: string, digest: Digest, body: Uint8Array, signal: AbortSignal): Promise<void> {
    const path = `${upload}${upload.includes('?') ? '&' : '?'}digest=${digest}`
    const headers = { 'content-type': 'application/octet-stream' }
    await this.#call({ method: 'PUT', path, headers, body }, [201], signal)
  }

  async #call(call: Call, expected: readonly number[], signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted()
    try {
      const answer = await this.#exchange(call, signal)
      if (expected.includes(answer.status)) return answer
      throw unexpected(call.method, call.path, answer)
    } catch (error) {
      throw silent(error, signal)
    }
  }

  async #exchange(call: Call, signal: AbortSignal): Promise<Answer> {
    const response = await this.#open(call, signal)
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response) {
      size += (chunk as Buffer).length
      // What a build makes of a few lines can be as long as it likes; leaving the loop ends the answer.
      if (size > defaults.imageDocumentBytes) {
        const what = `an image's manifest or config is larger than ${defaults.imageDocumentBytes} bytes`
        throw new AppError('build-failed', what, { hint: 'Write less into ENV, LABEL and CMD.' })
      }
      chunks.push(chunk as Buffer)
    }
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }
  }

  /** Resolves with the answer's head. */
  async #open({ method, path, headers, body }: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const length = body instanceof Uint8Array ? { 'content-length': body.length } : body ? {} : { 'content-length': 0 }
    const options = { ...this.#address, agent: this.#agent, method, path, signal, headers: { ...headers, ...length } }
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = httpRequest(options, resolve)
    request.on('error', reject)
    if (body === undefined || body instanceof Uint8Array) request.end(body)
    else
      Readable.from(body, { objectMode: false })
        .on('error', error => request.destroy(error))
        .pipe(request)
    return promise
  }
}

/** What became of a call: our own error as it is, the signal's reason, or `unavailable`. */
function silent(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof AppError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new AppError('unavailable', `the registry does not answer: ${reason}`, { retryable: true, cause: error })
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
}

/** The registry answers with whole URLs; only their path is for us, the address is the one we were given. */
function locationOf(answer: Answer): string {
  const { pathname, search } = new URL(answer.headers.location ?? '', 'http://registry')
  if (!pathname.startsWith('/v2/')) throw new AppError('internal', `the registry points to ${pathname}`)
  return pathname + search
}

function unexpected(method: string, path: string, answer: Answer): AppError {
  const retryable = answer.status >= 500
  const what = `the registry answered ${answer.status} to ${method} ${path.split('?')[0]}`
  const details = [answer.body.toString().slice(0, 500)].filter(text => text !== '')
  return new AppError(retryable ? 'unavailable' : 'internal', what, { retryable, details })
}
