import { AwsClient } from 'aws4fetch'
import { AppError } from '../core/errors.ts'
import type { S3Access } from './s3-access.ts'
import type { Kept, BackupStorage } from './storage.ts'

export interface S3Place {
  readonly bucket: string
  /** Ends with a slash, or is empty. */
  readonly prefix: string
}

/** S3 takes at most 10,000 parts, each of at least 5 MiB but the last: 160 GB in all. */
const partBytes = 16 * 1024 * 1024
const pageKeys = 1000

/** `s3://bucket/folder/below`; null: it is no such address. Rejects `invalid-input` where it is one and is wrong. */
export function parseS3(address: string): S3Place | null {
  if (!address.startsWith('s3://')) return null
  const [, bucket = '', rest = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(address) ?? []
  const prefix = rest.replace(/\/+$/, '')
  if (bucket === '' || !/^[\w./-]*$/.test(prefix))
    throw new AppError('invalid-input', `${JSON.stringify(address)} is no place in an S3 store`, {
      hint: 'Give a bucket, and a folder in it if you like: s3://my-backups/lading',
    })
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` }
}

/**
 * A place in a store that speaks S3 (path style). A backup is a multipart upload that is completed last: whole or not
 * there. One that a kill left open is aborted by the next.
 */
export function s3Storage({ bucket, prefix }: S3Place, access: S3Access): BackupStorage {
  const { endpoint, region, accessKeyId, secretAccessKey } = access
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 3 })
  const root = `${endpoint.replace(/\/+$/, '')}/${bucket}`
  const url = (key: string, query: Readonly<Record<string, string>> = {}) => {
    const search = new URLSearchParams(query).toString()
    return `${root}/${key.split('/').map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`
  }

  const call = async (method: string, to: string, body: Buffer<ArrayBuffer> | string | null, signal: AbortSignal) => {
    signal.throwIfAborted()
    const answer = await client.fetch(to, { method, body, signal }).catch((cause: unknown) => {
      signal.throwIfAborted()
      const why =
        cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause)
      throw new AppError('unavailable', `${endpoint} cannot be reached: ${why}`, { retryable: true, cause })
    })
    if (answer.ok) return answer
    throw refusal(answer.status, await answer.text())
  }

  /** S3 tells of no bucket, of a wrong key and of much else in XML. */
  const refusal = (status: number, text: string): AppError => {
    const code = tag(text, 'Code') ?? ''
    const said = `${tag(text, 'Message') ?? 'it says no more'} (${[status, code].filter(Boolean).join(', ')})`
    const isOurs = status === 401 || status === 403 || code === 'NoSuchBucket'
    const hint = isOurs
      ? 'lading backup schedule --to s3://… --credentials FILE sets bucket and credentials.'
      : undefined
    return new AppError(status === 404 ? 'not-found' : 'unavailable', `${endpoint} refuses ${bucket}: ${said}`, {
      ...(hint === undefined ? {} : { hint }),
    })
  }

  const abortOpenUploads = async (signal: AbortSignal) => {
    const text = await (await call('GET', url('', { uploads: '', prefix }), null, signal)).text()
    for (const one of text.matchAll(/<Upload>(.*?)<\/Upload>/gs)) {
      const [key, uploadId] = [tag(one[1]!, 'Key'), tag(one[1]!, 'UploadId')]
      if (key?.endsWith('.age') && uploadId !== null) await call('DELETE', url(key, { uploadId }), null, signal)
    }
  }

  return {
    address: `s3://${bucket}/${prefix}`,
    async put(name, chunks, signal) {
      const key = prefix + name
      await abortOpenUploads(signal)
      const begun = await (await call('POST', url(key, { uploads: '' }), '', signal)).text()
      const uploadId = tag(begun, 'UploadId')
      if (uploadId === null) throw new AppError('unavailable', `${endpoint} began no upload`)
      const tags: string[] = []
      let size = 0
      try {
        for await (const part of partsOf(chunks)) {
          const query = { partNumber: String(tags.length + 1), uploadId }
          const answer = await call('PUT', url(key, query), part, signal)
          tags.push(answer.headers.get('etag') ?? '')
          size += part.length
        }
        const list = tags.map((etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
        const body = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`
        const done = await (await call('POST', url(key, { uploadId }), body, signal)).text()
        // S3 may have begun its answer with 200 before it knew.
        if (done.includes('<Error>')) throw refusal(200, done)
      } catch (error) {
        await call('DELETE', url(key, { uploadId }), null, AbortSignal.timeout(10_000)).catch(() => undefined)
        throw error
      }
      return size
    },
    async *read(name, signal) {
      const { body } = await call('GET', url(prefix + name), null, signal)
      if (body !== null) yield* body
    },
    async list(signal) {
      const kept: Kept[] = []
      for (let token: string | null = ''; token !== null;) {
        const query = { 'list-type': '2', prefix, 'max-keys': String(pageKeys) }
        const page: Readonly<Record<string, string>> = token === '' ? query : { ...query, 'continuation-token': token }
        const text: string = await (await call('GET', url('', page), null, signal)).text()
        for (const one of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
          const name = (tag(one[1]!, 'Key') ?? '').slice(prefix.length)
          if (name.endsWith('.age') && !name.includes('/')) kept.push({ name, size: Number(tag(one[1]!, 'Size')) })
        }
        token = tag(text, 'NextContinuationToken')
      }
      return kept.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    },
    async remove(name, signal) {
      await call('DELETE', url(prefix + name), null, signal)
    },
  }
}

/** Parts of one size but the last, which may be empty where all is. */
async function* partsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer<ArrayBuffer>> {
  let held: Uint8Array[] = []
  let bytes = 0
  let any = false
  for await (const chunk of chunks) {
    held.push(chunk)
    bytes += chunk.length
    if (bytes < partBytes) continue
    const all = Buffer.concat(held)
    for (let at = 0; at + partBytes <= all.length; at += partBytes) {
      yield all.subarray(at, at + partBytes)
      any = true
    }
    const rest = all.subarray(all.length - (all.length % partBytes))
    held = [rest]
    bytes = rest.length
  }
  if (bytes > 0 || !any) yield Buffer.concat(held)
}

/** The text of an element of S3's own XML, which nests none of these and has no attributes there. */
function tag(xml: string, name: string): string | null {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
  return text === undefined
    ? null
    : text.replace(/&(amp|lt|gt|quot|apos|#\d+);/g, (whole, one: string) =>
        one.startsWith('#')
          ? String.fromCodePoint(Number(one.slice(1)))
          : ({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }[one] ?? whole),
      )
}
