import { constants } from 'node:fs'
import { access, chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { Secret } from '../../core/secret.ts'
import { ifMissing, isSystemError } from '../../lib/files.ts'
import type { CliConfig } from '../config.ts'
import type { Place } from './http.ts'

/**
 * Where the control plane is. In this order: LADING_URL; the platform of the folder's git remote, when we have a token
 * for it; root's socket, on the server, where no other platform is meant; the one platform that we have a token for.
 */
export async function findPlace(config: CliConfig, remoteUrl: string | null): Promise<Place> {
  if (config.url !== null) return urlPlace(config, originOf(config.url, 'LADING_URL'))
  const remote = remoteUrl === null ? null : originOrNull(remoteUrl)
  if (remote !== null && (await readToken(config, remote))) return urlPlace(config, remote)
  if (await isUsable(config.socket)) return { kind: 'socket', path: config.socket }
  if (remote !== null) return urlPlace(config, remote)
  if (await isUsable(config.serverTokenFile)) {
    throw new AppError('unavailable', 'Lading is installed here, and its control plane does not run', {
      hint: 'Start it: lading up',
      retryable: true,
    })
  }
  const known = await knownPlatforms(config)
  if (known[0] !== undefined && known.length === 1) return urlPlace(config, known[0])
  throw new AppError('invalid-input', 'where is the platform?', {
    hint:
      known.length > 1
        ? `Set LADING_URL to one of: ${known.join(', ')}`
        : 'Set LADING_URL and LADING_TOKEN, or run "lading login URL". On the server, root needs neither.',
  })
}

/** Whether anything on this machine names a platform, so that `findPlace` has one to find. */
export async function isPlaceKnown(config: CliConfig, remoteUrl: string | null): Promise<boolean> {
  if (config.url !== null || (remoteUrl !== null && originOrNull(remoteUrl) !== null)) return true
  if ((await isUsable(config.socket)) || (await isUsable(config.serverTokenFile))) return true
  return (await knownPlatforms(config)).length > 0
}

async function urlPlace(config: CliConfig, origin: string): Promise<Place> {
  refuseClearText(origin)
  const ca =
    config.caFile === null ? await readIfAllowed(caFile(config, origin)) : await readFile(config.caFile, 'utf8')
  return { kind: 'url', url: origin, token: await readToken(config, origin), ca }
}

/**
 * A token is for one platform and is shown to no other: LADING_TOKEN to the one that LADING_URL names, a file to the
 * one in its name.
 */
export async function readToken(config: CliConfig, origin: string): Promise<Secret | null> {
  if (!isSafeForToken(origin)) return null
  const isMeant = config.url !== null && originOrNull(config.url) === origin
  if (config.token !== null && isMeant) return new Secret(config.token.trim())
  const text = await readIfAllowed(tokenFile(config, origin))
  return text === null ? null : new Secret(text.trim())
}

/** Keeps what a later command, and git, need: 0600. Returns the CA's file. */
export async function keep(config: CliConfig, origin: string, what: { token?: Secret; ca: string | null }) {
  await mkdir(config.folder, { recursive: true, mode: 0o700 })
  if (what.token) await writeSecretly(tokenFile(config, origin), `${what.token.reveal()}\n`)
  if (what.ca === null) return null
  await writeSecretly(caFile(config, origin), what.ca)
  return caFile(config, origin)
}

/** Forgets token and CA of a platform; false where there was no token. */
export async function forget(config: CliConfig, origin: string): Promise<boolean> {
  const had = (await readIfAllowed(tokenFile(config, origin))) !== null
  await Promise.all([tokenFile, caFile].map(file => rm(file(config, origin), { force: true })))
  return had
}

async function writeSecretly(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
  await chmod(path, 0o600)
}

export async function knownPlatforms({ folder }: CliConfig): Promise<string[]> {
  const names = await readdir(folder).catch(ifMissing<string[]>([]))
  return names.filter(name => name.endsWith('.token')).map(name => fromFileName(name.slice(0, -'.token'.length)))
}

/** `https_lading.example.com_8443`: an origin as the name of a file. */
function fileName(origin: string): string {
  return origin.replace('://', '_').replace(':', '_')
}

function fromFileName(name: string): string {
  return name.replace('_', '://').replace('_', ':')
}

function tokenFile({ folder }: CliConfig, origin: string): string {
  return join(folder, `${fileName(origin)}.token`)
}

function caFile({ folder }: CliConfig, origin: string): string {
  return join(folder, `${fileName(origin)}.pem`)
}

export function originOf(text: string, what: string): string {
  const origin = originOrNull(text)
  if (origin !== null) return origin
  throw new AppError('invalid-input', `${what} is not an address: ${JSON.stringify(text)}`, {
    hint: 'It looks like https://lading.example.com',
  })
}

function originOrNull(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, origin } = new URL(text)
  return protocol === 'http:' || protocol === 'https:' ? origin : null
}

/** Rejects `invalid-input` where a token would be read by everybody on the way. */
export function refuseClearText(origin: string): void {
  if (isSafeForToken(origin)) return
  throw new AppError('invalid-input', `over ${origin} a token would travel in clear`, {
    hint: `Use ${origin.replace(/^http:/, 'https:')}`,
  })
}

/** Plain HTTP only where it never leaves the machine. */
function isSafeForToken(origin: string): boolean {
  const { protocol, hostname } = new URL(origin)
  return protocol === 'https:' || /^(?:(?:.*\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
}

async function isUsable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Null also when it is not for us. */
export async function readIfAllowed(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isSystemError(error, 'EACCES')) return null
    return ifMissing(null)(error)
  }
}
