import { AppError } from '../core/errors.ts'
import type { Labels } from '../core/labels.ts'
import { registryName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { Call } from './http.ts'

export function get(path: string, query: NonNullable<Call['query']> = {}): Call {
  return { method: 'GET', path, query }
}

/** What the engine shows to our registry, as it is now: it changes while the control plane lives. Null: nothing. */
export type RegistryToken = (() => Secret) | null

/** The header with which the engine pulls from our registry; none without a token. */
export function registryAuth(readToken: RegistryToken): Readonly<Record<string, string>> {
  if (readToken === null) return {}
  const token = readToken()
  const auth = { username: 'engine', password: token.reveal(), serveraddress: registryName }
  return { 'x-registry-auth': Buffer.from(JSON.stringify(auth)).toString('base64url') }
}

export function assertOurs(what: string, labels: Labels | undefined): void {
  if (Object.keys(labels ?? {}).some(key => key.startsWith('lading.'))) return
  throw new AppError('not-allowed', `${what} carries no label of Lading and is not touched`)
}

/** Null when the object is not there. */
export async function unlessGone<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AppError && error.code === 'not-found') return null
    throw error
  }
}

/** Null when the name is taken: creating twice gives one. */
export async function unlessExists<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AppError && error.code === 'conflict') return null
    throw error
  }
}
