import { inspect } from 'node:util'

/**
 * A value that must not be seen (law: secret-is-a-type). It prints as `[secret]` everywhere; only `reveal()` gives it
 * out.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
