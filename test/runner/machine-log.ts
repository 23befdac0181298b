import { appendFile, readFile } from 'node:fs/promises'

/** Notes load and free memory of the machine every five seconds: what the suites had to live with. */
export class MachineLog {
  readonly #file: string
  readonly #timer: NodeJS.Timeout
  #highest = 0

  constructor(file: string) {
    this.#file = file
    this.#timer = setInterval(() => void this.#note(), 5_000)
    this.#timer.unref()
  }

  /** The highest load of a minute that was seen. */
  get highestLoad(): number {
    return this.#highest
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #note(): Promise<void> {
    const [load, memory] = await Promise.all([readFile('/proc/loadavg', 'utf8'), readFile('/proc/meminfo', 'utf8')])
    this.#highest = Math.max(this.#highest, Number(load.split(' ')[0]))
    const free = /^MemAvailable: +(\d+) kB$/m.exec(memory)?.[1] ?? '?'
    await appendFile(this.#file, `${new Date().toISOString()} load ${load.trim()}, ${free} kB available\n`)
  }
}
