import { AppError } from '../core/errors.ts'
import type { Labels } from '../core/labels.ts'
import { sendChunks } from '../lib/async/chunks.ts'
import type { ServiceHost, ServiceProgram } from '../services/host.ts'
import { assertOurs, get, unlessGone } from './calls.ts'
import type { DockerHttp } from './http.ts'
import { frames } from './log-frames.ts'

interface VolumeJson {
  readonly Labels?: Labels | null
}

const saidBytes = 4_000

/** Volumes and programs of backing services on the engine of one node. */
export class DockerServiceHost implements ServiceHost {
  readonly #http: DockerHttp

  constructor(http: DockerHttp) {
    this.#http = http
  }

  async ensureVolume(name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    // Of a name that is taken the engine answers with the volume that has it.
    await this.#http.json({ method: 'POST', path: '/volumes/create', body: { Name: name, Labels: labels } }, signal)
  }

  async hasVolume(name: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#volume(name, signal)) !== null
  }

  async removeVolume(name: string, signal: AbortSignal): Promise<void> {
    const volume = await this.#volume(name, signal)
    if (volume === null) return
    assertOurs(`volume ${name}`, volume.Labels ?? undefined)
    try {
      await unlessGone(this.#http.json({ method: 'DELETE', path: `/volumes/${name}` }, signal))
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict')) throw error
      throw new AppError('conflict', `volume ${name} is still in use`, { retryable: true, cause: error })
    }
  }

  async *run({ object, command, input }: ServiceProgram, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const container = await this.#container(object, signal)
    const body = { Cmd: command, AttachStdin: input !== undefined, AttachStdout: true, AttachStderr: true }
    const made = { method: 'POST', path: `/containers/${container}/exec`, body } as const
    const { Id } = (await this.#http.json(made, signal)) as { Id: string }
    const start = { method: 'POST', path: `/exec/${Id}/start`, body: { Detach: false, Tty: false } } as const
    const socket = await this.#http.upgrade(start, signal)
    let failed: { readonly why: unknown } | null = null
    const sent = sendChunks(input ?? none(), socket).catch((why: unknown) => {
      failed = { why }
      socket.destroy()
    })
    let said = ''
    try {
      for await (const { stream, payload } of frames(socket)) {
        if (stream === 'stdout') yield payload
        else said = (said + payload.toString('utf8')).slice(-saidBytes)
      }
      await sent
    } catch (error) {
      signal.throwIfAborted()
      if (failed === null) throw error
    } finally {
      socket.destroy()
    }
    signal.throwIfAborted()
    if (failed !== null) throw (failed as { readonly why: unknown }).why
    const { ExitCode } = (await this.#http.json(get(`/exec/${Id}/json`), signal)) as { ExitCode: number | null }
    if (ExitCode !== 0) throw programFailed(command, ExitCode, said)
  }

  async #volume(name: string, signal: AbortSignal): Promise<VolumeJson | null> {
    return (await unlessGone(this.#http.json(get(`/volumes/${name}`), signal))) as VolumeJson | null
  }

  async #container(object: string, signal: AbortSignal): Promise<string> {
    const label = [`com.docker.swarm.service.name=${object}`]
    const query = { filters: JSON.stringify({ label, status: ['running'] }) }
    const [running] = (await this.#http.json(get('/containers/json', query), signal)) as { Id: string }[]
    if (running) return running.Id
    throw new AppError('unavailable', `${object} does not run now`, {
      hint: 'It is started again by itself; "lading services info" says how it is.',
      retryable: true,
    })
  }
}

async function* none(): AsyncGenerator<Uint8Array> {}

function programFailed(command: readonly string[], exitCode: number | null, said: string): AppError {
  const details = said.trim().split('\n').slice(-5)
  const end = exitCode === null ? 'ended with its container' : `exited ${exitCode}`
  return new AppError('unavailable', `${command[0]} ${end}: ${details.at(-1) || 'it said nothing'}`, {
    details,
    retryable: true,
  })
}
