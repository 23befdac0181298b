import { AppError } from '../core/errors.ts'
import type { Decisions } from './decisions.ts'
import { loadDecisions, saveDecisions } from './decisions.ts'

/** The decisions of this machine while a command runs. Each is on disk before anybody acts upon it. */
export class Site {
  #decisions: Decisions | null

  private constructor(decisions: Decisions | null) {
    this.#decisions = decisions
  }

  static async load(): Promise<Site> {
    return new Site(await loadDecisions())
  }

  get decided(): boolean {
    return this.#decisions !== null
  }

  /** Rejects `not-found` before the first `up`. */
  get decisions(): Decisions {
    if (this.#decisions !== null) return this.#decisions
    throw new AppError('not-found', 'Lading is not installed on this machine', { hint: 'Run: ./lading up' })
  }

  async decide(choices: Omit<Decisions, 'version' | 'images' | 'certificates' | 'helloDeployed'>): Promise<void> {
    await this.#save({ version: 1, images: {}, certificates: null, helloDeployed: false, ...choices })
  }

  async change(
    facts: Partial<Pick<Decisions, 'baseDomain' | 'images' | 'certificates' | 'helloDeployed'>>,
  ): Promise<void> {
    await this.#save({ ...this.decisions, ...facts })
  }

  async #save(decisions: Decisions): Promise<void> {
    await saveDecisions(decisions)
    this.#decisions = decisions
  }
}
