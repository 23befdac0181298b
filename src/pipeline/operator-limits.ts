import { asAppError } from '../core/errors.ts'
import { defaultLimits, limitNames, parseLimit, type LimitName, type Limits } from '../core/limits.ts'
import type { Store } from '../store/store.ts'

/** In the store's settings; one row each, so that two operators at once do not undo each other. */
const prefix = 'limit.'

/** The limits of the platform: the defaults, and what its operator has set. Held in memory, for every step asks. */
export class OperatorLimits {
  readonly #store: Pick<Store, 'readSettings' | 'writeSetting'>
  #set: Partial<Limits> = {}

  private constructor(store: Pick<Store, 'readSettings' | 'writeSetting'>) {
    this.#store = store
  }

  /** A value that this version does not take any more is said, and its default holds. */
  static async open(
    store: Pick<Store, 'readSettings' | 'writeSetting'>,
    log: (event: string, facts: Readonly<Record<string, unknown>>) => void,
  ): Promise<OperatorLimits> {
    const limits = new OperatorLimits(store)
    const settings = await store.readSettings()
    for (const name of limitNames) {
      const text = settings[prefix + name]
      if (text === undefined) continue
      try {
        limits.#set = { ...limits.#set, [name]: parseLimit(name, text) }
      } catch (error) {
        log('a limit is not taken', { name, error: asAppError(error).message })
      }
    }
    return limits
  }

  readonly current = (): Limits => ({ ...defaultLimits, ...this.#set })

  isSet(name: LimitName): boolean {
    return this.#set[name] !== undefined
  }

  /** Null: its default again. It is written first: what holds is what a restart finds. */
  async change(name: LimitName, value: number | null): Promise<void> {
    await this.#store.writeSetting(prefix + name, value === null ? null : String(value))
    const others = Object.entries(this.#set).filter(([other]) => other !== name)
    this.#set = Object.fromEntries(value === null ? others : [...others, [name, value]])
  }
}
