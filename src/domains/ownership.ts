import { createHash } from 'node:crypto'
import type { Ids } from '../core/clock.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { environmentId } from '../core/labels.ts'
import { type DomainName, type EnvironmentKey, isWildcard } from '../core/names.ts'
import type { Edges } from '../edge/edges.ts'
import { type Ask, NoAddress } from './ask.ts'

export interface LookDeps {
  readonly edges: Pick<Edges, 'challenge'>
  readonly ids: Pick<Ids, 'hex'>
  readonly ask: Ask
}

export interface OwnershipDeps extends LookDeps {
  /** The texts of a record's TXT entries; none where there is no such record. */
  readonly readTxt: (record: string, signal: AbortSignal) => Promise<readonly string[]>
  /** Told apart by it: a record for one platform proves nothing to another. */
  readonly platform: string
}

const lookMs = 15_000

/**
 * That a name leads here: a random token comes back by the way on which a CA would ask. Rejects `conflict` where it does not.
 * Of what answers there nothing is told but that it is not us: the name may have been made to lead into our own network.
 */
export async function assertLeadsHere(
  name: DomainName,
  { edges, ids, ask }: LookDeps,
  signal: AbortSignal,
): Promise<void> {
  const token = ids.hex(16)
  await edges.challenge(token, token, signal)
  try {
    const url = `http://${name}/.well-known/acme-challenge/${token}`
    const text = await ask({ method: 'GET', url, isInternal: true }, signal).then(
      answer => (answer.status === 200 ? answer.text.trim() : ''),
      (error: unknown) => (error instanceof NoAddress ? null : ''),
    )
    signal.throwIfAborted()
    if (text === token) return
    throw new AppError('conflict', text === null ? `${name} has no address` : `http://${name}/ does not lead here`)
  } finally {
    await edges.challenge(token, null, signal).catch(() => undefined)
  }
}

/** Whose a name is, before it is routed or certified: it leads here, or its owner says so in DNS. */
export class Ownership {
  readonly #deps: OwnershipDeps

  constructor(deps: OwnershipDeps) {
    this.#deps = deps
  }

  /** Rejects `not-allowed` with what proves it. A wildcard is proven in DNS only: no page stands for all its names. */
  async assert(name: DomainName, key: EnvironmentKey, until: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([until, AbortSignal.timeout(lookMs)])
    const { record, value } = this.record(name, key)
    const texts = await this.#deps.readTxt(record, signal).catch(() => [])
    if (texts.some(text => text.trim() === value)) return
    const why = isWildcard(name) ? `there is no ${record} that says so` : await this.#whyNotHere(name, signal)
    until.throwIfAborted()
    if (why === null) return
    const here = isWildcard(name) ? '' : 'let it lead here, or '
    throw new AppError('not-allowed', `${name} is not proven to be yours: ${why}`, {
      hint: `To prove it, ${here}put this into DNS: ${record} TXT "${value}". Root on the server adds names without a proof.`,
    })
  }

  /** What an owner writes into DNS: for this platform and this environment alone. */
  record(name: DomainName, key: EnvironmentKey): { readonly record: string; readonly value: string } {
    const base = isWildcard(name) ? name.slice(2) : name
    const facts = [this.#deps.platform, environmentId(key), base].join('\n')
    const digest = createHash('sha256').update(facts).digest('hex').slice(0, 40)
    return { record: `_lading.${base}`, value: `lading=${digest}` }
  }

  async #whyNotHere(name: DomainName, signal: AbortSignal): Promise<string | null> {
    try {
      await assertLeadsHere(name, this.#deps, signal)
      return null
    } catch (error) {
      return signal.aborted ? 'it did not answer in time' : asAppError(error).message
    }
  }
}
