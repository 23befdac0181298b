import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Run } from '../../../src/core/run.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Host } from '../../rig/host.ts'
import type { Outcome } from '../../rig/program.ts'
import type { App, Platform } from '../host.ts'
import { Load } from '../load.ts'
import { runOf } from './socket.ts'
import { Witness } from './witness.ts'

/** How a version is to be made and released; each commit says all of it again. */
export interface Shape {
  /** With a release phase, which tells the witness. */
  readonly release?: boolean
  /** With a build step, so that the builder makes the image. */
  readonly build?: boolean
  /** With ten megabytes, so that the pack takes a while. */
  readonly ballast?: boolean
}

/** A push on its way, or after its end. */
export interface Pushed {
  readonly version: string
  readonly commit: string
  readonly shape: Shape
  readonly outcome: Promise<Outcome>
}

/** The platform, the app whose pushes meet the kills, and what serves now as far as is known. */
export class Site {
  readonly platform: Platform
  readonly app: App
  readonly witness: Witness
  serving: { readonly version: string; readonly release: number } = { version: 'v1', release: 1 }
  /** Where the branch is. */
  head: string
  /** Versions that may have answered. */
  readonly wentLive = new Set(['v1'])
  /** Runs that ended before going live, and whose traces have not been looked for yet. */
  readonly ended: Run[] = []
  #version = 1

  private constructor(platform: Platform, app: App, witness: Witness, head: string) {
    this.platform = platform
    this.app = app
    this.witness = witness
    this.head = head
  }

  /** Makes the app and its first release. */
  static async make(platform: Platform): Promise<Site> {
    const witness = await Witness.listen(machineOf(platform.host))
    const app = await platform.create('held', 'apps/held')
    await app.write('witness.txt', witness.address)
    const commit = await app.commit('Name the witness')
    const push = await app.push()
    if (push.code !== 0) throw new Error(push.stderr)
    await app.answers('v1')
    return new Site(platform, app, witness, commit)
  }

  /** Commits the next version and starts its push. `onOutput` sees what git says. */
  async push(shape: Shape = {}, onOutput?: (text: string) => void): Promise<Pushed> {
    const next = await this.commit(shape)
    return this.pushCommitted(next, onOutput)
  }

  /** The next version, not pushed yet: a test may want to hold it first. */
  async commit(shape: Shape): Promise<Omit<Pushed, 'outcome'>> {
    const version = `v${++this.#version}`
    const { app } = this
    await app.write('Procfile', `web: node server.js\n${shape.release ? 'release: node release.js\n' : ''}`)
    const scripts = shape.build ? { build: 'node build.js' } : {}
    const manifest = { name: 'held', version: '1.0.0', private: true, type: 'module', scripts }
    await app.write('package.json', `${JSON.stringify(manifest, null, 2)}\n`)
    await this.platform.host.run(['rm', '-rf', `${app.folder}/ballast`])
    if (shape.ballast) await this.#ballast()
    return { version, commit: await app.commitVersion(version), shape }
  }

  pushCommitted(next: Omit<Pushed, 'outcome'>, onOutput?: (text: string) => void): Pushed {
    const options = { signal: AbortSignal.timeout(240_000), ...(onOutput ? { onOutput } : {}) }
    const outcome = this.app.push(['--progress', 'main'], options)
    // Whoever waits for it later gets the rejection; no one may do so after a failed trial.
    outcome.catch(() => undefined)
    return { ...next, outcome }
  }

  async load(): Promise<Load> {
    const to = { host: this.app.hostName, path: '/', expect: 'v' }
    return Load.start({
      connect: { address: this.platform.host.address, port: 443 },
      tls: {},
      streams: [
        { kind: 'requests', name: 'keep-alive', rate: 20, keepAlive: true, ...to },
        { kind: 'requests', name: 'close', rate: 10, keepAlive: false, ...to },
      ],
    })
  }

  /** Whole means besides: the next push goes as if nothing had been. */
  async proves(shape: Shape = {}): Promise<void> {
    const push = await this.push(shape)
    this.wentLive.add(push.version)
    const { code, stderr } = await push.outcome
    if (code !== 0) throw new Error(`the next push exited ${code}:\n${stderr}`)
    await this.app.answers(push.version)
    const run = await runOf(this.platform.host, this.app.name, push.commit)
    this.head = push.commit
    this.serving = { version: push.version, release: run?.release ?? 0 }
  }

  [Symbol.dispose](): void {
    this.witness[Symbol.dispose]()
  }

  async #ballast(): Promise<void> {
    await this.platform.host.run(['mkdir', '-p', `${this.app.folder}/ballast`])
    for (let part = 0; part < 40; part++) {
      await this.app.write(`ballast/${part}`, randomBytes(192 * 1024).toString('base64'))
    }
  }

  /** The control plane answers on its socket and through the edge, and the app answers. */
  async whole(): Promise<void> {
    const { host } = this.platform
    await eventually(
      'the platform is whole',
      async () => {
        await host.run([
          'curl',
          '-sf',
          '-m',
          '2',
          '--unix-socket',
          '/run/lading/control.sock',
          'http://lading/v1/healthz',
        ])
        const control = await soon(this.platform.get(`lading.${this.platform.domain}`, '/v1/healthz'))
        const app = await soon(this.app.get())
        if (control.status !== 200 || app.status !== 200) throw new Error(`edge: ${control.status}, ${app.status}`)
        return true
      },
      { withinMs: 180_000, everyMs: 200 },
    )
  }
}

/** A process that is stopped takes connections and never answers. */
async function soon<T>(answer: Promise<T>): Promise<T> {
  const late = new AbortController()
  try {
    return await Promise.race([answer, pause(3_000, undefined, { signal: late.signal }).then(tooLate)])
  } finally {
    late.abort()
  }
}

function tooLate(): never {
  throw new Error('no answer within 3 s')
}

/** For `lading up`: processes of the app tell the witness where they are, a neighbour in the node's own network. */
export function witnessed(host: Host): readonly string[] {
  return ['--private-networks', `deny-own,${machineOf(host)}`]
}

/** The machine itself is .1 in each rig's network (docs/design/rig.md). */
function machineOf(host: Host): string {
  return host.address.replace(/\d+$/, '1')
}
