import { AppError } from '../core/errors.ts'
import type { Labels } from '../core/labels.ts'
import { assertOurs, get, unlessGone } from './calls.ts'
import type { DockerHttp } from './http.ts'

interface ServiceJson {
  readonly ID: string
  readonly Version: { readonly Index: number }
  readonly Spec: { readonly Labels?: Labels; readonly Mode: object }
}

/** Swarm itself writes into a service while it starts and ends tasks: the next version is tried so often. */
const tries = 5

/**
 * No replicas any more, and labels that say why, in one update. The task's own part is repeated as it is, so that nothing
 * is made anew for the labels' sake.
 */
export async function haltService(
  http: DockerHttp,
  { name, labels }: { readonly name: string; readonly labels: Labels },
  signal: AbortSignal,
): Promise<void> {
  for (let left = tries; ; left--) {
    const found = (await unlessGone(http.json(get(`/services/${name}`), signal))) as ServiceJson | null
    if (found === null) return
    assertOurs(`service ${name}`, found.Spec.Labels)
    const body = {
      ...found.Spec,
      Labels: { ...found.Spec.Labels, ...labels },
      Mode: { Replicated: { Replicas: 0 } },
    }
    const query = { version: found.Version.Index }
    try {
      await unlessGone(http.json({ method: 'POST', path: `/services/${found.ID}/update`, query, body }, signal))
      return
    } catch (error) {
      if (left === 0 || !isOutOfSequence(error)) throw error
    }
  }
}

/** Source: moby#38474. It comes with several status codes. */
function isOutOfSequence(error: unknown): boolean {
  return error instanceof AppError && /update out of sequence/.test(error.message)
}
