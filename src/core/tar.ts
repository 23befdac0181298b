import { AppError } from './errors.ts'

/**
 * One file of a tar. Names are bytes, of which each is one character here (latin1): git's need not be UTF-8. `body` must be
 * read to its end, or dropped whole, before the next entry is asked for.
 */
export interface TarEntry {
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link'
  readonly executable: boolean
  /** Of a symbolic link, else empty. */
  readonly target: string
  readonly size: number
  readonly body: AsyncIterable<Uint8Array>
}

const block = 512
/** A name and a link's target, each at most what a file system takes, and some more (bytes). */
const longestExtended = 64 * 1024

/**
 * Reads a tar as `git archive` writes it: files, folders, symbolic links, POSIX extended headers for long names.
 * Rejects `internal` on anything else, on a broken checksum and on a path that leaves its root.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const source = new Bytes(chunks)
  let extended: ReadonlyMap<string, string> = new Map()
  for (;;) {
    const header = await source.take(block)
    if (header.every(byte => byte === 0)) break
    const size = Number.parseInt(text(header, 124, 12), 8) || 0
    if (checksum(header) !== Number.parseInt(text(header, 148, 8), 8)) throw broken('a header with a wrong checksum')
    const type = String.fromCharCode(header[156] ?? 0)
    if (type === 'g' || type === 'x') {
      if (size > longestExtended) throw broken(`an extended header of ${size} bytes`)
      const records = await source.take(padded(size))
      if (type === 'x') extended = extendedHeader(records.subarray(0, size))
      continue
    }
    const kind = ({ '0': 'file', '\0': 'file', '5': 'folder', '2': 'link' } as const)[type]
    if (!kind) throw broken(`an entry of type ${JSON.stringify(type)}`)
    const prefix = text(header, 345, 155)
    const path = extended.get('path') ?? (prefix === '' ? '' : `${prefix}/`) + text(header, 0, 100)
    const target = kind === 'link' ? (extended.get('linkpath') ?? text(header, 157, 100)) : ''
    const real = extended.has('size') ? Number(extended.get('size')) : size
    extended = new Map()
    if (path.startsWith('/') || path.split('/').includes('..')) throw broken(`the path ${JSON.stringify(path)}`)
    const executable = (Number.parseInt(text(header, 100, 8), 8) & 0o100) !== 0
    const rest = { left: padded(real) }
    yield { path: path.replace(/\/$/, ''), kind, executable, target, size: real, body: source.body(real, rest) }
    while (rest.left > 0) rest.left -= (await source.some(rest.left)).length
  }
  await source.end()
}

/** How an entry is written: one owner, one time, no matter who wrote it and when. */
export interface TarStamp {
  readonly uid: number
  readonly gid: number
  /** Seconds since the epoch. */
  readonly modified: number
}

export type TarHead = Omit<TarEntry, 'body'>

/** Header blocks of an entry, extended ones included where a name is too long. Modes are 0755 and 0644 (links 0777). */
export function tarHeader(entry: TarHead, stamp: TarStamp): Buffer {
  const path = entry.kind === 'folder' ? `${entry.path}/` : entry.path
  const records = [
    ...(path.length > 100 ? [record('path', path)] : []),
    ...(entry.target.length > 100 ? [record('linkpath', entry.target)] : []),
    ...(entry.size >= 0o77777777777 ? [record('size', String(entry.size))] : []),
  ]
  const own = ustar(path, entry, stamp)
  if (records.length === 0) return own
  const body = Buffer.concat(records)
  const head = ustar('@LongName', { ...entry, kind: 'file', target: '', executable: false, size: body.length }, stamp)
  head.write('x', 156)
  seal(head)
  return Buffer.concat([head, body, Buffer.alloc(padded(body.length) - body.length), own])
}

/** Fills a file of `size` bytes up to the next block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc(padded(size) - size)
}

/** Two empty blocks end a tar. */
export const tarEnd = Buffer.alloc(2 * block)

function ustar(path: string, entry: TarHead, stamp: TarStamp): Buffer {
  const header = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number) =>
    header.write(
      `${Math.min(value, 8 ** (length - 1) - 1)
        .toString(8)
        .padStart(length - 1, '0')}\0`,
      at,
    )
  header.write(path, 0, 100, 'latin1')
  octal(entry.kind === 'link' ? 0o777 : entry.kind === 'folder' || entry.executable ? 0o755 : 0o644, 100, 8)
  octal(stamp.uid, 108, 8)
  octal(stamp.gid, 116, 8)
  octal(entry.kind === 'file' ? entry.size : 0, 124, 12)
  octal(stamp.modified, 136, 12)
  header.write({ file: '0', folder: '5', link: '2' }[entry.kind], 156)
  header.write(entry.target, 157, 100, 'latin1')
  header.write('ustar\x0000', 257)
  seal(header)
  return header
}

function seal(header: Buffer): void {
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148)
}

/** Sum of all bytes, its own field taken as blanks. */
function checksum(header: Uint8Array): number {
  let sum = 8 * 0x20
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte
  return sum
}

function record(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`.length
  let length = rest + String(rest).length
  if (rest + String(length).length > length) length++
  return Buffer.from(`${length} ${key}=${value}\n`, 'latin1')
}

function extendedHeader(bytes: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; at < bytes.length;) {
    const length = Number.parseInt(Buffer.from(bytes.subarray(at, at + 20)).toString(), 10)
    if (!(length > 0)) throw broken('an extended header without length')
    const whole = Buffer.from(bytes.subarray(at, at + length - 1)).toString('latin1')
    const pair = whole.slice(whole.indexOf(' ') + 1)
    found.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    at += length
  }
  return found
}

function text(header: Uint8Array, at: number, length: number): string {
  const field = header.subarray(at, at + length)
  const end = field.indexOf(0)
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('latin1')
}

function padded(size: number): number {
  return Math.ceil(size / block) * block
}

function broken(what: string): AppError {
  return new AppError('internal', `the archive has ${what}`)
}

/** A stream of chunks, read by length. */
class Bytes {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array()

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** At least one byte and at most `most`; rejects when the stream has ended. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) throw broken('no proper end')
      this.#held = next.value
    }
    const taken = this.#held.subarray(0, most)
    this.#held = this.#held.subarray(taken.length)
    return taken
  }

  /** Exactly `length` bytes. */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for (let left = length; left > 0;) {
      const part = await this.some(left)
      parts.push(part)
      left -= part.length
    }
    return Buffer.concat(parts)
  }

  async *body(size: number, rest: { left: number }): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      const part = await this.some(left)
      left -= part.length
      rest.left -= part.length
      yield part
    }
  }

  /** Reads what is left, so that the writer is not cut off. */
  async end(): Promise<void> {
    while (!(await this.#chunks.next()).done) this.#held = new Uint8Array()
  }
}
