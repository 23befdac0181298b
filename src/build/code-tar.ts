import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { AppError } from '../core/errors.ts'
import { parseDigest, type Digest } from '../core/names.ts'
import { readTar, tarEnd, tarHeader, tarPadding, type TarStamp } from '../core/tar.ts'

/** The user `app` of the platform's Node image; time zero, for equal content must give equal bytes. */
export const appStamp: TarStamp = { uid: 1000, gid: 1000, modified: 0 }

export interface Content {
  /** Files of ours, by path. */
  readonly files?: ReadonlyMap<string, Uint8Array>
  /** A commit's archive and the folder it goes to. */
  readonly commit?: { readonly archive: AsyncIterable<Uint8Array>; readonly folder: string }
  /** Entries of the commit to leave out, by their path in it. */
  readonly leaveOut?: (path: string) => boolean
  readonly stamp: TarStamp
}

/**
 * One tar of it all, in the order of the parts. The same content gives the same bytes. Rejects `invalid-input` for a name
 * that no image can hold.
 */
export async function* writeTar({ files, commit, leaveOut, stamp }: Content): AsyncGenerator<Uint8Array> {
  for (const [path, bytes] of files ?? []) {
    yield tarHeader(
      { path: Buffer.from(path).toString('latin1'), kind: 'file', executable: false, target: '', size: bytes.length },
      stamp,
    )
    yield bytes
    yield tarPadding(bytes.length)
  }
  if (commit) {
    yield tarHeader({ path: commit.folder, kind: 'folder', executable: true, target: '', size: 0 }, stamp)
    for await (const entry of readTar(commit.archive)) {
      if (entry.path === '' || leaveOut?.(entry.path)) continue
      refuseWhiteout(entry.path)
      yield tarHeader({ ...entry, path: `${commit.folder}/${entry.path}` }, stamp)
      yield* entry.body
      yield tarPadding(entry.size)
    }
  }
  yield tarEnd
}

/** In a layer such a name says that another file is gone; engines that unpack it fail over the file that is not there. */
function refuseWhiteout(path: string): void {
  const name = path.split('/').find(each => each.startsWith('.wh.'))
  if (name === undefined) return
  const shown = JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'))
  throw new AppError(
    'invalid-input',
    `the repository has ${shown}: no image can hold a file whose name begins with .wh.`,
    {
      hint: 'In an image such a name marks a file as deleted. Rename it: git mv',
    },
  )
}

/**
 * A tar as a layer: gzipped at level 1 (what level 6 saves is lost again by its time on a local wire). The digest of
 * the plain tar, which the config names, is known once the chunks were read to their end.
 */
export function asLayer(tar: AsyncIterable<Uint8Array>): { chunks: AsyncIterable<Uint8Array>; diffId: () => Digest } {
  const hash = createHash('sha256')
  async function* hashed() {
    for await (const chunk of tar) {
      hash.update(chunk)
      yield chunk
    }
  }
  const gzip = createGzip({ level: 1 })
  // No error is lost here: it destroys `gzip`, whose reader gets it.
  pipeline(Readable.from(hashed(), { objectMode: false }), gzip, () => undefined)
  return { chunks: gzip, diffId: () => parseDigest(`sha256:${hash.digest('hex')}`) }
}
