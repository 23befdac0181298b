import { AppError } from '../../core/errors.ts'
import type { Mutex } from '../../lib/async/mutex.ts'
import { emptyModel, type EdgeModel } from '../model.ts'
import { readModel, writeModel } from './disk.ts'
import type { EdgePaths } from './files.ts'
import { mapChanges, mapsOf, type MapName } from './maps.ts'
import type { Runtime } from './runtime.ts'

export interface AppliedModelOptions {
  readonly paths: EdgePaths
  /** What is told to HAProxy must not interleave with a reload. */
  readonly exclusive: Mutex
  /** Of the HAProxy that runs now. */
  readonly runtime: () => Runtime
  /** A change has been applied. */
  readonly changed: () => void
}

/** The model of one edge: on disk, in HAProxy's maps, and in memory, always in this order; and the terms that may change it. */
export class AppliedModel {
  readonly #options: AppliedModelOptions
  #current = emptyModel
  #mapsInDoubt = false

  constructor(options: AppliedModelOptions) {
    this.#options = options
  }

  get current(): EdgeModel {
    return this.#current
  }

  /** Reads what this edge was told, before anything runs. */
  async load(): Promise<void> {
    this.#current = await readModel(this.#options.paths)
  }

  /** Disk first, then HAProxy, then the answer is read back (decision: lanes-and-maps): but for certificates. */
  async commit(after: EdgeModel): Promise<void> {
    const before = this.#current
    if (after === before && !this.#mapsInDoubt) return
    await writeModel(this.#options.paths, after)
    this.#current = after
    // A HAProxy that dies here starts again from the model.
    const runtime = this.#options.runtime()
    const file = (map: MapName) => this.#options.paths.map(map)
    // After a refusal the maps of HAProxy are read, not remembered.
    const was = this.#mapsInDoubt ? await runtime.maps(file) : mapsOf(before)
    this.#mapsInDoubt = true
    for (const change of mapChanges(was, mapsOf(after))) await runtime.changeMap(change, file)
    this.#mapsInDoubt = false
    this.#options.changed()
  }

  /** For what stands in the configuration: `reload` makes a HAProxy of the model as it is then. Nothing where it is as before. */
  async commitByReload(after: EdgeModel, reload: () => Promise<void>): Promise<void> {
    const before = this.#current
    if (after === before) return
    this.#current = after
    try {
      await writeModel(this.#options.paths, after)
      await reload()
    } catch (error) {
      this.#current = before
      throw error
    }
  }

  /**
   * Rejects `lease-lost` when a higher term has been seen; remembers a higher one first (law:
   * one-control-plane-writes).
   */
  async assertTerm(term: number): Promise<void> {
    this.#assertNotOver(term)
    if (term === this.#current.term) return
    await this.#options.exclusive.run(() => this.commit({ ...this.#current, term: Math.max(term, this.#current.term) }))
  }

  /** Looked at when the change's turn has come: an old holder's call may have waited behind the first of a new one. */
  change<T>(term: number, work: () => Promise<T>): Promise<T> {
    return this.#options.exclusive.run(() => {
      this.#assertNotOver(term)
      return work()
    })
  }

  #assertNotOver(term: number): void {
    if (term >= this.#current.term) return
    throw new AppError('lease-lost', `term ${term} is over: term ${this.#current.term} has been seen`)
  }
}
