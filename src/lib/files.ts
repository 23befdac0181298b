import { watch } from 'node:fs'
import { chmod, mkdir, open, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import type { Server } from 'node:net'
import { basename, dirname } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { Wakeup } from './async/wakeup.ts'

/** The text of a file; null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    return ifMissing(null)(error)
  }
}

/**
 * Writes whole or not at all: beside its place (`<path>.next`), flushed, renamed, and the folder flushed. A crash leaves
 * the old text; the new one is on the disk when this resolves. One writer per path at a time.
 */
export async function writeWhole(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.next`
  const file = await open(beside, 'w', mode)
  try {
    // Before its content: a crash may have left one of another mode, and the umask takes away.
    await file.chmod(mode)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  await flush(dirname(path))
}

/** Resolves when what was written to this file, or the names in this folder, are on the disk. */
export async function flush(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Points a link at `target` in one step (by way of `beside`), whatever was there: who looks finds the old target or the new one. */
export async function pointLink(path: string, target: string, beside = `${path}.next`): Promise<void> {
  await rm(beside, { force: true })
  await symlink(target, beside)
  await rename(beside, path)
}

/**
 * Lets a server listen on a Unix socket that only its own user may open. It listens under another name (`beside`) and is
 * renamed: no one meets a socket that is open to more, and a server that closes removes the path that it listened on, where
 * its successor's socket may be by then. One server per `beside` at a time.
 */
export async function listenPrivately(server: Server, path: string, beside = `${path}.next`): Promise<void> {
  await rm(beside, { force: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(beside, resolve)
  await promise
  await chmod(beside, 0o600)
  await rename(beside, path)
}

export interface FollowedFile {
  readonly path: string
  /** `name`: another file may come in its place. `file`: it is written in its place (a file that is mounted by itself). */
  readonly by: 'name' | 'file'
  readonly clock: Clock
  /** Reads the file. It never rejects. */
  readonly look: () => Promise<void> | void
  /** The system does not say when it changes: it is looked at once a minute all the same. */
  readonly onUnwatched: (error: Error) => void
}

/** Without an event a followed file is looked at so often (ms). */
const lookMs = 60_000

/** Looks at a file now, whenever the system says that it may have changed, and once a minute, until the signal. */
export async function followFile(
  { path, by, clock, look, onUnwatched }: FollowedFile,
  signal: AbortSignal,
): Promise<void> {
  const wakeup = new Wakeup(clock)
  watch(by === 'name' ? dirname(path) : path, { signal }, (_event, changed) => {
    if (by === 'file' || changed === basename(path)) wakeup.wake()
  }).on('error', onUnwatched)
  while (!signal.aborted) {
    await look()
    await wakeup.wait(lookMs, signal)
  }
}

/** Something is at this path; through links. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    return ifMissing(false)(error)
  }
}

/** "No such file or directory", of a file, a socket or a program. */
export function isMissing(error: unknown): boolean {
  return isSystemError(error, 'ENOENT')
}

/** For `.catch`: the value instead of what is missing; any other error is thrown again. */
export function ifMissing<T>(instead: T): (error: unknown) => T {
  return error => {
    if (isMissing(error)) return instead
    throw error
  }
}

/** An error of the system with one of these codes (`EACCES`, …; errno(3)). */
export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
