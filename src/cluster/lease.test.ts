import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { Engine } from '../docker/engine.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import { VirtualClock } from '../../test/simulation/virtual-clock.ts'
import { acquireLease, type Lease } from './lease.ts'

const leaseMs = 10_000
const never = new AbortController().signal

test('the first candidate gets the lease, and holds it against a second one for as long as it renews', async () => {
  const { clock, candidate } = scene()
  const first = candidate('a')
  const second = candidate('b')
  await clock.pass(60_000)
  assert.ok(first.lease && !first.lease.signal.aborted)
  assert.equal(second.lease, null)
})

test('of many candidates at one moment exactly one gets it', async () => {
  const { clock, candidate } = scene()
  const all = ['a', 'b', 'c', 'd'].map(name => candidate(name))
  await clock.pass(30_000)
  assert.equal(all.filter(one => one.lease !== null).length, 1)
})

test('after a clean release the next one has it at once, with a higher term, and may delete at once', async () => {
  const { clock, candidate } = scene()
  const first = candidate('a')
  await clock.pass(1_000)
  const second = candidate('b')
  await clock.pass(1_000)
  const held = first.lease
  assert.ok(held)
  await held.release()
  await clock.pass(leaseMs / 10)
  assert.ok(second.lease && second.lease.term > held.term)
  const before = clock.monotonic()
  await second.lease.quiet(never)
  assert.equal(clock.monotonic(), before)
})

test('a holder that reaches no engine stops before its lease is over, and the next one waits before it deletes', async () => {
  const { clock, candidate } = scene()
  const first = candidate('a')
  await clock.pass(1_000)
  const second = candidate('b')
  first.cut = true
  const firstLease = first.lease
  assert.ok(firstLease)
  await clock.run(() => firstLease.signal.aborted, 60_000)
  assert.ok(!second.hasLease)
  await clock.run(() => second.hasLease, 60_000)
  const secondLease = second.lease
  assert.ok(secondLease)
  const acquiredAt = clock.monotonic()
  let quiet = false
  void secondLease.quiet(never).then(() => (quiet = true))
  await clock.run(() => quiet, 60_000)
  assert.ok(clock.monotonic() - acquiredAt >= 1.9 * leaseMs, 'one lease and the longest call')
})

test('the lease of a holder whose process has ended is not waited out, but nothing is deleted before it is quiet', async () => {
  const { clock, candidate } = scene()
  const ended = new Set<string>()
  const first = candidate('a', { ended })
  await clock.pass(1_000)
  assert.ok(first.lease)
  first.clock.stop()
  const second = candidate('b', { ended })
  await clock.pass(leaseMs / 2)
  assert.ok(!second.hasLease)
  ended.add('a')
  await clock.pass(leaseMs / 10)
  assert.ok(second.lease && second.lease.term > first.lease.term)
  const acquiredAt = clock.monotonic()
  let quiet = false
  void second.lease.quiet(never).then(() => (quiet = true))
  await clock.run(() => quiet, 60_000)
  assert.ok(clock.monotonic() - acquiredAt >= 1.8 * leaseMs, 'one lease and the longest call')
})

test('an engine that does not say whether the holder has ended leaves its lease to be waited out', async () => {
  const { clock, candidate } = scene()
  const first = candidate('a')
  await clock.pass(1_000)
  first.clock.stop()
  const second = candidate('b', { ended: 'not to be asked' })
  await clock.pass(0.9 * leaseMs)
  assert.ok(!second.hasLease)
  await clock.pass(leaseMs)
  assert.ok(second.lease)
})

test('a keeper that is away for two fifths of a lease costs no one the lease, whenever it goes', async () => {
  const { clock, candidate } = scene()
  const { lease, ...first } = await held(candidate('a'))
  for (let shift = 0; shift < leaseMs / 4; shift += 100) {
    await clock.pass(leaseMs + shift)
    first.cut(true)
    await clock.pass(0.4 * leaseMs)
    first.cut(false)
    await clock.pass(leaseMs / 20)
    assert.ok(!lease.signal.aborted, `lost ${shift} ms after a renewal or later`)
  }

  async function held(one: ReturnType<typeof candidate>) {
    await clock.pass(1_000)
    assert.ok(one.lease)
    return { lease: one.lease, cut: (cut: boolean) => (one.cut = cut) }
  }
})

test('stopped for two leases and continued, the old holder is refused by term and knows that it has lost', async () => {
  const { clock, candidate } = scene()
  const first = candidate('a')
  await clock.pass(1_000)
  const second = candidate('b')
  first.clock.stop()
  await clock.pass(2 * leaseMs + 1_000)
  assert.ok(first.lease && second.lease && second.lease.term > first.lease.term)
  assert.ok(!first.lease.signal.aborted, 'no code of it has run')
  await assert.rejects(first.engine.ensureNetwork('n', {}, never), code('lease-lost'))
  first.clock.continue()
  await clock.pass(1)
  assert.equal((first.lease.signal.reason as AppError).code, 'lease-lost')
  assert.ok(!second.lease.signal.aborted)
})

test('a swap whose answer is lost neither loses the lease nor gives it to two', async () => {
  const { clock, candidate } = scene()
  const first = candidate('a')
  first.loseAnswers = 3
  const second = candidate('b')
  await clock.pass(120_000)
  const held = [first, second].filter(one => one.lease && !one.lease.signal.aborted)
  assert.equal(held.length, 1)
})

test('keepers that remember a term above every version, as after a new swarm, do not lock the next holder out', async () => {
  const { clock, candidate, cluster } = scene()
  const remembered = 90_000_000_000
  await cluster.engine({ current: remembered }).ensureNetwork('n', {}, never)
  const first = candidate('a', { floor: remembered })
  await clock.pass(1_000)
  assert.ok(first.lease && first.lease.term > remembered)
  await first.engine.ensureNetwork('m', {}, never)
  await clock.pass(3 * leaseMs)
  assert.ok(!first.lease.signal.aborted, 'renewed')
  await first.lease.release()
  // The base lies in the lease itself: a keeper that has forgotten does not bring a lower term back.
  const second = candidate('b')
  await clock.pass(leaseMs)
  assert.ok(second.lease && second.lease.term > first.lease.term)
})

function scene() {
  const clock = new VirtualClock()
  const cluster = new FakeCluster({ clock })
  const candidate = (name: string, knows: Knowledge = {}) => new Candidate(name, clock, cluster, knows)
  return { clock, cluster, candidate }
}

interface Knowledge {
  /** What the keepers remember. */
  readonly floor?: number
  /** Holders whose processes have ended. */
  readonly ended?: ReadonlySet<string> | 'not to be asked'
}

class Candidate {
  lease: Lease | null = null
  cut = false
  loseAnswers = 0
  readonly clock: StoppableClock
  readonly engine: Engine

  constructor(holder: string, clock: VirtualClock, cluster: FakeCluster, { floor = 0, ended = new Set() }: Knowledge) {
    const term = { current: 0 }
    this.clock = new StoppableClock(clock)
    this.engine = cluster.engine(term)
    const engine: Engine = {
      ...this.engine,
      listConfigs: async (...call) => {
        this.#reach()
        return this.engine.listConfigs(...call)
      },
      swapConfigLabels: async (...call) => {
        this.#reach()
        await this.engine.swapConfigLabels(...call)
        if (this.loseAnswers-- > 0) throw new AppError('unavailable', 'lost', { retryable: true })
      },
    }
    const hasEnded = async (other: string) => {
      if (ended === 'not to be asked') throw new AppError('unavailable', 'no engine', { retryable: true })
      return ended.has(other)
    }
    const options = { engine, clock: this.clock, term, holder, leaseMs, floor: async () => floor, hasEnded }
    void acquireLease(options, never).then(lease => (this.lease = lease))
  }

  get hasLease(): boolean {
    return this.lease !== null
  }

  #reach(): void {
    if (this.cut) throw new AppError('unavailable', 'cut off', { retryable: true })
  }
}

/** A program's clock: while the program is stopped, time goes on and no timer of it fires. */
class StoppableClock implements Clock {
  readonly #clock: Clock
  #stopped: PromiseWithResolvers<void> | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now = () => this.#clock.now()
  monotonic = () => this.#clock.monotonic()

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await this.#clock.sleep(ms, signal)
    await this.#stopped?.promise
  }

  stop(): void {
    this.#stopped = Promise.withResolvers<void>()
  }

  continue(): void {
    this.#stopped?.resolve()
    this.#stopped = null
  }
}

function code(wanted: AppError['code']) {
  return (error: unknown) => error instanceof AppError && error.code === wanted
}
