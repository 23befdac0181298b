import { AppError } from '../core/errors.ts'
import { label, type Labels } from '../core/labels.ts'
import { assertOurs, get, registryAuth, type RegistryToken, unlessGone } from './calls.ts'
import type { Call, DockerHttp } from './http.ts'

interface ServiceJson {
  readonly ID: string
  readonly Version: { readonly Index: number }
  readonly Spec: SpecJson
}

interface SpecJson {
  readonly Name: string
  readonly Labels?: Labels
  readonly Mode: object
}

/** Swarm itself writes into a service while it starts and ends tasks: the next version is tried so often. */
const tries = 5

/**
 * One update of a service of ours; none where it is gone. What `change` does not touch is repeated as it is, so that no
 * task is made again for it.
 */
export async function updateService(
  http: DockerHttp,
  { name, change, headers = {} }: Update,
  signal: AbortSignal,
): Promise<void> {
  for (let left = tries; ; left--) {
    const found = (await unlessGone(http.json(get(`/services/${name}`), signal))) as ServiceJson | null
    if (found === null) return
    assertOurs(`service ${name}`, found.Spec.Labels)
    const query = { version: found.Version.Index }
    const call: Call = {
      method: 'POST',
      path: `/services/${found.ID}/update`,
      query,
      headers,
      body: change(found.Spec),
    }
    try {
      await unlessGone(http.json(call, signal))
      return
    } catch (error) {
      if (left === 0 || !isOutOfSequence(error)) throw error
    }
  }
}

interface Update {
  readonly name: string
  readonly change: (spec: SpecJson) => object
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Gives every process of an app the token with which its engine pulls from now on. Swarm starts no task again for it: what a
 * task was pulled with is not compared (swarmkit, `IsTaskDirty`). Returns how many services there are.
 */
export async function renewPullTokens(http: DockerHttp, token: RegistryToken, signal: AbortSignal): Promise<number> {
  const filters = JSON.stringify({ label: [`${label.role}=process`] })
  const services = (await http.json(get('/services', { filters }), signal)) as ServiceJson[]
  for (const { Spec } of services)
    await updateService(http, { name: Spec.Name, change: spec => spec, headers: registryAuth(token) }, signal)
  return services.length
}

/** Source: moby#38474. It comes with several status codes. */
function isOutOfSequence(error: unknown): boolean {
  return error instanceof AppError && /update out of sequence/.test(error.message)
}
