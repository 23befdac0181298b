import { X509Certificate } from 'node:crypto'
import type { Clock, Ids } from '../core/clock.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { type DomainName, isWildcard } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import type { Edges } from '../edge/edges.ts'
import type { AcmeRow, CertificateRow, OrderRow, Store } from '../store/store.ts'
import { Wakeup } from '../lib/async/wakeup.ts'
import { AcmeClient, Refused } from './acme.ts'
import type { Ask } from './ask.ts'
import { bestOf } from './certificates.ts'
import { factsOf } from './given.ts'
import type { DnsHooks } from './hook.ts'
import { newRequest } from './key-and-request.ts'
import { assertLeadsHere } from './ownership.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
/** How the reason of an order ends that has not been refused: it was written down ahead. */
export const underWay = 'being ordered'

/** One order, from the look at the name to its certificate. */
const mostMs = 10 * minute

export interface OrderDeps {
  readonly store: Pick<
    Store,
    | 'listDomains'
    | 'listCertificates'
    | 'saveCertificate'
    | 'removeCertificate'
    | 'listOrders'
    | 'saveOrder'
    | 'removeOrder'
    | 'readAcme'
  >
  readonly edges: Pick<Edges, 'challenge' | 'state'>
  readonly clock: Clock
  readonly ids: Pick<Ids, 'hex'>
  readonly ask: Ask
  readonly hooks: Pick<DnsHooks, 'run'>
  /** The certificates have changed. */
  readonly changed: () => Promise<void>
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

/** When a certificate is renewed: with a third of its life left. */
export function renewalOf({ notBefore, notAfter }: Pick<CertificateRow, 'notBefore' | 'notAfter'>): number {
  return Math.round(notAfter - (notAfter - notBefore) / 3)
}

/** How long a name that does not lead here is left alone; that costs nothing. */
export function pauseUnseen(attempts: number): number {
  return Math.min(30 * second * 2 ** (attempts - 1), 30 * minute)
}

/** How long a CA is left alone after its refusal, and never less than it wants itself. */
export function pauseRefused(attempts: number, waitMs: number | null): number {
  return Math.max(Math.min(5 * minute * 4 ** (attempts - 1), day), waitMs ?? 0)
}

/** Certificates by ACME for all domains, one at a time (docs/design/domains.md). Ends with the signal, the lease. */
export class Orders {
  readonly #deps: OrderDeps
  readonly #signal: AbortSignal
  readonly #clients = new Map<string, AcmeClient>()
  readonly #wakeup: Wakeup

  constructor(deps: OrderDeps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
    this.#wakeup = new Wakeup(deps.clock)
  }

  /** Rows have changed: looked at now. */
  wake(): void {
    this.#wakeup.wake()
  }

  /** Whether this directory takes this account; rejects with what it says. */
  async assertAccount(acme: AcmeRow): Promise<void> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(minute)])
    for (const directory of directoriesOf(acme)) await this.#clientFor(acme, directory).account(signal)
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      const next = await this.#round().catch((error: unknown) => {
        if (!this.#signal.aborted) this.#deps.log('orders were not looked at', { error: asAppError(error).message })
        return this.#deps.clock.now() + minute
      })
      await this.#wakeup.wait(Math.min(Math.max(next - this.#deps.clock.now(), 0), day), this.#signal)
    }
  }

  /** Every name whose time has come; resolves with when the next one's does. */
  async #round(): Promise<number> {
    const { store, clock } = this.#deps
    await this.#withdrawLeftovers()
    await this.#tidy()
    let next = clock.now() + day
    for (const { name } of await store.listDomains()) {
      const acme = await store.readAcme()
      if (acme === null) return next
      const order = await this.#orderOf(name)
      if (order === null) continue
      const after = order.nextAt <= clock.now() ? await this.#try(order, acme) : order
      next = Math.min(next, after.nextAt)
    }
    return next
  }

  /** Null: someone has given a certificate that covers the name; there is nothing to order. */
  async #orderOf(name: DomainName): Promise<OrderRow | null> {
    const { store, clock } = this.#deps
    const now = clock.now()
    const given = (await store.listCertificates()).filter(row => row.source === 'own')
    if (bestOf(given, name, now) !== null) {
      await store.removeOrder(name)
      return null
    }
    const known = (await store.listOrders()).find(one => one.name === name)
    if (known) return known
    const reason = 'waiting for its turn'
    const fresh: OrderRow = { name, state: 'added', reason, attempts: 0, nextAt: now, changedAt: now }
    const rows = (await store.listCertificates()).filter(row => row.source === 'acme' && row.names.includes(name))
    const held = bestOf(rows, name, now)
    const order = held === null ? fresh : ({ ...fresh, ...certified(held) } as const)
    await store.saveOrder(order)
    return order
  }

  async #try(order: OrderRow, acme: AcmeRow): Promise<OrderRow> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(mostMs)])
    try {
      const seen = await this.#see(order, acme, signal)
      return await this.#order(seen, acme, signal)
    } catch (error) {
      this.#signal.throwIfAborted()
      const now = (await this.#deps.store.listOrders()).find(one => one.name === order.name)
      if (!now) return order
      // The next try was written down before this one; a CA may want a longer pause.
      const waitMs = error instanceof Refused ? (error.waitMs ?? 0) : 0
      const nextAt = Math.max(now.nextAt, this.#deps.clock.now() + waitMs)
      const { message, cause } = asAppError(error)
      this.#deps.log('a certificate was not made', { name: order.name, reason: message, cause })
      return this.#write({ ...now, reason: message, nextAt })
    }
  }

  /** The name leads here: a random token comes back by the way on which the CA will ask. */
  async #see(order: OrderRow, acme: AcmeRow, signal: AbortSignal): Promise<OrderRow> {
    const { name } = order
    const attempts = order.attempts + 1
    const tried = { ...order, state: order.state === 'certified' ? order.state : ('added' as const), attempts }
    await this.#write({ ...tried, nextAt: this.#in(pauseUnseen(attempts)) })
    if (isWildcard(name) && acme.dnsHook === null) {
      throw new AppError('conflict', 'a wildcard needs a hook that writes into DNS: lading acme on --dns-hook NAME')
    }
    if (!isWildcard(name)) await assertLeadsHere(name, this.#deps, signal)
    // From here on it is a CA that is asked: its refusals are counted by themselves.
    return {
      ...tried,
      attempts: order.state === 'added' ? 0 : order.attempts,
      ...(order.state === 'added' && { state: 'seen' as const }),
    }
  }

  async #order(seen: OrderRow, acme: AcmeRow, signal: AbortSignal): Promise<OrderRow> {
    const attempts = seen.attempts + 1
    const nextAt = this.#in(pauseRefused(attempts, null))
    let order = await this.#write({ ...seen, attempts, nextAt, reason: `leads here; ${underWay}` })
    if (acme.rehearsal !== null && (order.state === 'added' || order.state === 'seen')) {
      await this.#certificate(order.name, acme, acme.rehearsal, signal)
      order = await this.#write({ ...order, state: 'rehearsed', reason: `rehearsed; ${underWay}` })
    }
    const { chain, key } = await this.#certificate(order.name, acme, acme.directory, signal)
    const facts = factsOf(new X509Certificate(chain))
    const row = { ...facts, source: 'acme', by: 'acme', at: this.#deps.clock.now() } as const
    await this.#deps.store.saveCertificate(row, new Secret(`${chain.trim()}\n${key.reveal()}`))
    const done = await this.#write({ ...order, ...certified(row) })
    await this.#deps.changed()
    this.#deps.log('a certificate was made', { name: order.name, issuer: row.issuer, notAfter: row.notAfter })
    return done
  }

  async #certificate(name: DomainName, acme: AcmeRow, directory: string, signal: AbortSignal) {
    const { edges, hooks } = this.#deps
    const { key, csr } = await newRequest(name, signal)
    const proof = {
      http: (token: string, answer: string | null, until: AbortSignal) => edges.challenge(token, answer, until),
      dns: (record: string, value: string, verb: 'present' | 'cleanup', until: AbortSignal) =>
        hooks.run(acme.dnsHook ?? '', [verb, record, value], until),
    }
    return { key, chain: await this.#clientFor(acme, directory).certificate(name, csr, proof, signal) }
  }

  /** One account for all its names, in memory the address that the directory gave it. */
  #clientFor(acme: AcmeRow, directory: string): AcmeClient {
    const { email, ca, key } = acme
    const isInternal = acme.isInternal ?? true
    const id = JSON.stringify([directory, email, ca, isInternal, acme.at])
    const known = this.#clients.get(id)
    if (known) return known
    const client = new AcmeClient({ directory, email, ca, isInternal, key }, this.#deps)
    this.#clients.set(id, client)
    return client
  }

  /** Answers that a control plane before this one could not take back. */
  async #withdrawLeftovers(): Promise<void> {
    const { edges } = this.#deps
    const { challenges } = await edges.state(this.#signal)
    for (const token of challenges) await edges.challenge(token, null, this.#signal)
  }

  /** What belongs to names that no one has any more, and certificates that a newer one has replaced. */
  async #tidy(): Promise<void> {
    const { store } = this.#deps
    const names = new Set<string>((await store.listDomains()).map(({ name }) => name))
    const isOn = (await store.readAcme()) !== null
    for (const { name } of await store.listOrders()) if (!isOn || !names.has(name)) await store.removeOrder(name)
    const byAcme = (await store.listCertificates()).filter(row => row.source === 'acme')
    const newest = new Map<string, CertificateRow>()
    for (const row of byAcme.toSorted((a, b) => a.notAfter - b.notAfter)) newest.set(row.names.join(), row)
    for (const row of byAcme) {
      if (newest.get(row.names.join()) !== row || !row.names.some(name => names.has(name)))
        await store.removeCertificate(row.id)
    }
  }

  #in(ms: number): number {
    return this.#deps.clock.now() + ms
  }

  async #write(order: OrderRow): Promise<OrderRow> {
    const written = { ...order, changedAt: this.#deps.clock.now() }
    await this.#deps.store.saveOrder(written)
    return written
  }
}

function certified(row: Pick<CertificateRow, 'notBefore' | 'notAfter' | 'issuer'>) {
  return { state: 'certified', reason: `certified by ${row.issuer}`, attempts: 0, nextAt: renewalOf(row) } as const
}

function directoriesOf({ directory, rehearsal }: Pick<AcmeRow, 'directory' | 'rehearsal'>): readonly string[] {
  return rehearsal === null ? [directory] : [rehearsal, directory]
}
