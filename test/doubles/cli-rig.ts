import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import type { ApiEnv } from '../../src/api/parts.ts'

const mainFile = new URL('../../src/cli/main.ts', import.meta.url).pathname

export interface Result {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** The real program as a process of its own, in a folder of its own, against an API on a Unix socket and a port. */
export class CliRig {
  readonly folder: string
  readonly socket: string
  readonly #servers: Server[] = []
  environment: Record<string, string> = {}

  private constructor(folder: string) {
    this.folder = folder
    this.socket = join(folder, 'control.sock')
  }

  static async make(): Promise<CliRig> {
    const rig = new CliRig(await mkdtemp(join(tmpdir(), 'lading-cli-')))
    await mkdir(join(rig.folder, 'home'))
    await mkdir(join(rig.folder, 'work'))
    rig.environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: join(rig.folder, 'home'),
      TZ: 'UTC',
      LADING_SOCKET: rig.socket,
      LADING_ETC: join(rig.folder, 'etc'),
      GIT_CONFIG_NOSYSTEM: '1',
    }
    return rig
  }

  get work(): string {
    return join(this.folder, 'work')
  }

  /** Root's socket. */
  async serveSocket(api: Hono<ApiEnv>): Promise<void> {
    const server = createAdaptorServer({ fetch: api.fetch }) as Server
    this.#servers.push(server)
    await once(server.listen(this.socket), 'listening')
    await chmod(this.socket, 0o600)
  }

  /** The listener of the network, with a certificate behind TLS; resolves with its origin. */
  async servePort(api: Hono<ApiEnv>, certificate?: { readonly key: string; readonly cert: string }): Promise<string> {
    const { fetch } = api
    const server = certificate
      ? createAdaptorServer({ fetch, createServer: createSecureServer, serverOptions: certificate })
      : createAdaptorServer({ fetch })
    this.#servers.push(server as Server)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    return `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`
  }

  lading(args: readonly string[], { input = '' }: { readonly input?: string } = {}): Promise<Result> {
    return this.run(process.execPath, [mainFile, ...args], input)
  }

  run(program: string, args: readonly string[], input = ''): Promise<Result> {
    const child = spawn(program, args, { cwd: this.work, env: this.environment, stdio: 'pipe' })
    child.stdin.on('error', () => undefined).end(input)
    return resultOf(child)
  }

  start(args: readonly string[]) {
    const child = spawn(process.execPath, [mainFile, ...args], { cwd: this.work, env: this.environment, stdio: 'pipe' })
    return { child, result: resultOf(child) }
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
    await rm(this.folder, { recursive: true })
  }
}

async function resultOf(child: ReturnType<typeof spawn>): Promise<Result> {
  let [out, err] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}
