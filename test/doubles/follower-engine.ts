import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Labels } from '../../src/core/labels.ts'
import { systemClock } from '../../src/core/system.ts'

/** Logs as Docker's driver `json-file` writes and renames them (moby, daemon/logger/loggerutils/logfile.go), on real files. */
export class TestContainer {
  readonly id: string
  readonly folder: string
  readonly #maxBytes: number
  readonly #maxFiles: number
  #file: number
  #bytes = 0
  #clock = 0

  constructor(containers: string, options: { id?: string; labels?: Labels; name?: string; maxBytes?: number } = {}) {
    this.id = (options.id ?? 'a').padEnd(64, '0')
    this.folder = join(containers, this.id)
    this.#maxBytes = options.maxBytes ?? 10 * 1024 * 1024
    this.#maxFiles = 3
    mkdirSync(this.folder, { recursive: true })
    const labels = options.labels ?? {
      'lading.app': 'shop',
      'lading.environment': 'production',
      'lading.role': 'process',
      'lading.type': 'web',
      'lading.release': '3',
      'com.docker.swarm.task.name': 'l-shop-production-v3-web.1.op164z3457wql9h4lasp6c5iv',
    }
    const record = { Name: options.name ?? '/l-shop-production-v3-web.1.op164', Config: { Labels: labels } }
    writeFileSync(join(this.folder, 'config.v2.json'), JSON.stringify(record))
    this.#file = openSync(this.#path(), 'a')
  }

  /** One line, or half of one without its line break. */
  say(text: string, stream: 'stdout' | 'stderr' = 'stdout', end = '\n'): void {
    this.raw(`${JSON.stringify({ log: `${text}${end}`, stream, time: this.#time() })}\n`)
  }

  raw(text: string): void {
    if (this.#bytes > this.#maxBytes) this.#rotate()
    this.#bytes += writeSync(this.#file, text)
  }

  /** Its container is removed. */
  remove(): void {
    closeSync(this.#file)
    rmSync(this.folder, { recursive: true })
  }

  #rotate(): void {
    closeSync(this.#file)
    for (let at = this.#maxFiles - 1; at > 1; at--)
      if (existsSync(this.#path(at - 1))) renameSync(this.#path(at - 1), this.#path(at))
    renameSync(this.#path(), this.#path(1))
    this.#file = openSync(this.#path(), 'a')
    this.#bytes = 0
  }

  #path(number?: number): string {
    return join(this.folder, `${this.id}-json.log${number === undefined ? '' : `.${number}`}`)
  }

  #time(): string {
    const ms = systemClock.now()
    this.#clock = (this.#clock + 1) % 1_000_000
    // Trailing zeros are left out, as Go does.
    return `${new Date(ms).toISOString().slice(0, -1)}${String(this.#clock).padStart(6, '0')}`.replace(/0+$/, '') + 'Z'
  }
}
