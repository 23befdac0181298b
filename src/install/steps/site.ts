import { AppError } from '../../core/errors.ts'
import type { Decisions } from './decisions.ts'
import { loadDecisions, saveDecisions } from './decisions.ts'

/** The decisions of this machine while a command runs. Each is on disk before anybody acts upon it. */
export class Site {
  #decisions: Decisions | null
  readonly #keepsNothing: boolean

  private constructor(decisions: Decisions | null, keepsNothing: boolean) {
    this.#decisions = decisions
    this.#keepsNothing = keepsNothing
  }

  /** With `keepsNothing` what is decided stays in memory: for a command that changes nothing. */
  static async load({ keepsNothing = false } = {}): Promise<Site> {
    return new Site(await loadDecisions(), keepsNothing)
  }

  get decided(): boolean {
    return this.#decisions !== null
  }

  /** Rejects `not-found` before the first `up`. */
  get decisions(): Decisions {
    if (this.#decisions !== null) return this.#decisions
    throw new AppError('not-found', 'Lading is not installed on this machine', { hint: 'Run: ./lading up' })
  }

  async decide(
    choices: Omit<
      Decisions,
      'version' | 'images' | 'certificates' | 'helloDeployed' | 'proxy' | 'privateNetworks' | 'balancers'
    >,
  ): Promise<void> {
    await this.#save({ version: 1, images: {}, certificates: null, helloDeployed: false, proxy: null, ...choices })
  }

  async change(
    facts: Partial<
      Pick<
        Decisions,
        'baseDomain' | 'images' | 'certificates' | 'helloDeployed' | 'proxy' | 'privateNetworks' | 'balancers'
      >
    >,
  ): Promise<void> {
    await this.#save({ ...this.decisions, ...facts })
  }

  async #save(decisions: Decisions): Promise<void> {
    if (!this.#keepsNothing) await saveDecisions(decisions)
    this.#decisions = decisions
  }
}
