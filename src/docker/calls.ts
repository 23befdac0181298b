import { AppError } from '../core/errors.ts'
import type { Labels } from '../core/labels.ts'
import type { Call } from './http.ts'

export function get(path: string, query: NonNullable<Call['query']> = {}): Call {
  return { method: 'GET', path, query }
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
