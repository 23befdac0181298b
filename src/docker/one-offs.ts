import { AppError } from '../core/errors.ts'
import type { Labels } from '../core/labels.ts'
import { assertOurs, get, registryAuth, type RegistryToken, unlessExists, unlessGone } from './calls.ts'
import type { OneOffSpec, OneOffView } from './engine.ts'
import type { DockerHttp } from './http.ts'
import { assertOneOffKept, notRoot, oneOffJson } from './spec-json.ts'

interface ContainerJson {
  readonly Id: string
  readonly Config: { readonly Labels?: Labels }
  readonly HostConfig: unknown
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly ExitCode: number
    readonly Error: string
    readonly OOMKilled: boolean
  }
}

/**
 * One-off containers, started once and never twice, whatever crashed in between. A container that was created and not
 * started belongs to a caller that died, or to one whose start is still under way: it is removed without force (which
 * a running one refuses) and made again, and starts go by id, so that the late start of a removed one finds nothing.
 */
export class OneOffs {
  readonly #http: DockerHttp
  readonly #registryToken: RegistryToken

  constructor(http: DockerHttp, registryToken: RegistryToken = null) {
    this.#http = http
    this.#registryToken = registryToken
  }

  async start(spec: OneOffSpec, signal: AbortSignal): Promise<void> {
    const found = await this.#find(spec.name, signal)
    if (found !== null && !neverStarted(found)) return
    if (found !== null && !(await this.#discard(found, signal))) return
    for (let triesLeft = 5; ; triesLeft--) {
      const made = await this.#make(spec, signal)
      if (!neverStarted(made)) return
      try {
        await this.#http.json({ method: 'POST', path: `/containers/${made.Id}/start` }, signal)
        return
      } catch (error) {
        if (!isForgottenNetwork(error) || triesLeft === 0) throw error
        // Nothing of it has run.
        await this.#discard(made, signal)
      }
    }
  }

  async inspect(name: string, signal: AbortSignal): Promise<OneOffView | null> {
    const found = await this.#find(name, signal)
    if (found === null) return null
    const { Running, ExitCode, OOMKilled } = found.State
    // The engine says exit code 0 of a container that has never run.
    const exitCode = Running || neverStarted(found) ? null : ExitCode
    return { running: Running, exitCode, outOfMemory: OOMKilled }
  }

  /** Kills it if it runs; its anonymous volumes go with it. No error when it is gone. */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    const found = await this.#find(name, signal)
    if (found === null) return
    assertOurs(`container ${name}`, found.Config.Labels)
    const call = { method: 'DELETE', path: `/containers/${found.Id}`, query: { force: true, v: true } } as const
    // 409: its removal is under way.
    await unlessExists(unlessGone(this.#http.json(call, signal)))
  }

  async #find(name: string, signal: AbortSignal): Promise<ContainerJson | null> {
    return (await unlessGone(this.#http.json(get(`/containers/${name}/json`), signal))) as ContainerJson | null
  }

  /** False when it has started in the meantime. */
  async #discard(found: ContainerJson, signal: AbortSignal): Promise<boolean> {
    try {
      await unlessGone(
        this.#http.json({ method: 'DELETE', path: `/containers/${found.Id}`, query: { v: true } }, signal),
      )
      return true
    } catch (error) {
      if (error instanceof AppError && error.code === 'conflict') return false
      throw error
    }
  }

  async #make(spec: OneOffSpec, signal: AbortSignal): Promise<ContainerJson> {
    const json = oneOffJson(spec, spec.neverRoot ? notRoot(await this.#userOf(spec.image, signal)) : null)
    await this.#create(spec, json, signal)
    const made = await this.#find(spec.name, signal)
    if (made === null) throw new AppError('conflict', `one-off ${spec.name} was removed by someone else`)
    assertOneOffKept(spec.name, json, made)
    if (neverStarted(made)) await this.#connect(made, spec.moreNetworks ?? [], signal)
    return made
  }

  /** Engines before API 1.44 take one network when they create. */
  async #connect({ Id }: ContainerJson, networks: readonly string[], signal: AbortSignal): Promise<void> {
    for (const network of networks) {
      const call = { method: 'POST', path: `/networks/${network}/connect`, body: { Container: Id } } as const
      try {
        await this.#http.json(call, signal)
      } catch (error) {
        // Another caller made the container and has connected it.
        if (!(error instanceof AppError && /already exists in network/.test(error.message))) throw error
      }
    }
  }

  async #userOf(image: string, signal: AbortSignal): Promise<string> {
    const inspect = () => unlessGone(this.#http.json(get(`/images/${image}/json`), signal))
    let found = await inspect()
    if (found === null) {
      await this.#pull(image, signal)
      found = await inspect()
    }
    if (found === null) throw new AppError('not-found', `the image ${image} is gone again`)
    return (found as { Config?: { User?: string } }).Config?.User ?? ''
  }

  async #create(spec: OneOffSpec, body: ReturnType<typeof oneOffJson>, signal: AbortSignal): Promise<void> {
    const call = { method: 'POST', path: '/containers/create', query: { name: spec.name }, body } as const
    try {
      await unlessExists(this.#http.json(call, signal))
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'not-found')) throw error
      await this.#pull(spec.image, signal)
      await unlessExists(this.#http.json(call, signal))
    }
  }

  /** The engine answers 200 at once and tells of a failure in the stream. */
  async #pull(image: string, signal: AbortSignal): Promise<void> {
    const headers = registryAuth(this.#registryToken)
    const call = { method: 'POST', path: '/images/create', query: { fromImage: image }, headers } as const
    const stream = await this.#http.stream(call, signal)
    const text = (await stream.setEncoding('utf8').toArray({ signal })).join('')
    const failure = text.split('\n').find(line => line.includes('"errorDetail"'))
    if (failure === undefined) return
    const { error } = JSON.parse(failure) as { error: string }
    throw new AppError('not-found', `the image could not be pulled: ${error}`)
  }
}

/** Created, and no start of it has been tried (a failed start leaves its error). */
function neverStarted({ State }: ContainerJson): boolean {
  return State.Status === 'created' && State.ExitCode === 0 && State.Error === ''
}

/**
 * A node forgets an overlay when its last container leaves, and may do so just while the next one is attached
 * (seen on 20.10 in 1 of 8 starts right after a removal).
 */
function isForgottenNetwork(error: unknown): boolean {
  return error instanceof AppError && /network \S+ not found/.test(error.message)
}
