import { request } from 'node:http'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { DockerHttp, type Call } from '../../docker/http.ts'
import { paths } from '../paths.ts'

/** This node's engine, spoken to directly: the keeper, through which everybody else goes, comes later. */
export const engine = new DockerHttp({ socketPath: paths.engineSocket })

/** Null when the engine knows nothing of that name. */
export async function find(call: Call, signal: AbortSignal): Promise<unknown> {
  try {
    return await engine.json(call, signal)
  } catch (error) {
    if (error instanceof AppError && error.code === 'not-found') return null
    throw error
  }
}

/** True when the engine answers. */
export async function engineAnswers(signal: AbortSignal): Promise<boolean> {
  try {
    await engine.json({ method: 'GET', path: '/info' }, signal)
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'unavailable') return false
    throw error
  }
}

const info = z.object({ ServerVersion: z.string() })

/** `26.1.5+dfsg1`. */
export async function engineVersion(signal: AbortSignal): Promise<string> {
  return info.parse(await engine.json({ method: 'GET', path: '/info' }, signal)).ServerVersion
}

/** The `filters` parameter of the engine's lists. */
export function filters(value: Readonly<Record<string, readonly string[]>>): { filters: string } {
  return { filters: JSON.stringify(value) }
}

/** JSON of a GET on a Unix socket of ours; null when nothing answers there, or not with 200. */
export async function askSocket(socketPath: string, path: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, agent: false, signal }, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        try {
          resolve(incoming.statusCode === 200 ? (JSON.parse(Buffer.concat(chunks).toString()) as unknown) : null)
        } catch (error) {
          reject(error)
        }
      })
    })
    outgoing.on('error', () => (signal.aborted ? reject(signal.reason) : resolve(null)))
    outgoing.end()
  })
}
