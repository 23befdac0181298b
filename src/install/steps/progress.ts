import type { Clock } from '../../core/clock.ts'
import { visible } from '../../core/visible.ts'

/** The lines a person sees while steps run: one per step, with its time; what a program says only on a terminal. */
export class StepProgress {
  readonly #out: NodeJS.WriteStream
  readonly #clock: Clock

  constructor(out: NodeJS.WriteStream, clock: Clock) {
    this.#out = out
    this.#clock = clock
  }

  begin(title: string): StepLine {
    return new StepLine(title, this.#out, this.#clock)
  }
}

class StepLine {
  readonly #title: string
  readonly #out: NodeJS.WriteStream
  readonly #clock: Clock
  readonly #start: number
  #ended = false

  constructor(title: string, out: NodeJS.WriteStream, clock: Clock) {
    this.#title = visible(title)
    this.#out = out
    this.#clock = clock
    this.#start = clock.monotonic()
  }

  unchanged(fact: string): void {
    this.#end('·', fact)
  }

  done(fact: string): void {
    this.#end('✓', fact)
  }

  /** May be said several times: a line for what is wrong, one for what to do about it. */
  failed(what: string, next: string): void {
    this.#end('✗', what)
    this.#out.write(`${' '.repeat(41)}→ ${visible(next)}\n`)
  }

  working(): void {
    if (this.#out.isTTY) this.#temporary('')
    else this.#out.write(`  … ${this.#title}\n`)
  }

  say(text: string): void {
    if (this.#out.isTTY) this.#temporary(text)
  }

  #temporary(text: string): void {
    const room = Math.max(20, (this.#out.columns ?? 80) - 42)
    const shown = text.replace(/[^\x20-\x7e]/g, ' ').slice(0, room)
    this.#out.write(`\r\x1b[2K  … ${this.#title.padEnd(26)}${this.#seconds()}   ${shown}`)
  }

  #end(mark: string, fact: string): void {
    this.#ended = true
    if (this.#out.isTTY) this.#out.write('\r\x1b[2K')
    this.#out.write(`  ${mark} ${this.#title.padEnd(26)}${this.#seconds()}   ${visible(fact)}\n`)
  }

  #seconds(): string {
    return `${((this.#clock.monotonic() - this.#start) / 1000).toFixed(1)} s`.padStart(8)
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#end('✗', '')
    return Promise.resolve()
  }
}
