import { parseProcessType, web } from '../../src/core/names.ts'
import { Secret } from '../../src/core/secret.ts'
import type { Crash, Fault } from './gate.ts'
import { Player } from './player.ts'
import type { CommitKind } from './world.ts'

/**
 * One story each: what is there before (never killed), and the act, whose every call is a crash site. Together they
 * enter every stage and every branch of the way.
 */
export interface CanonicalHistory {
  readonly name: string
  readonly before: (player: Player) => Promise<void>
  readonly act: (player: Player) => Promise<void>
}

const worker = parseProcessType('worker')
const withWorker: CommitKind = {
  processes: [
    { type: web, command: null },
    { type: worker, command: 'work' },
  ],
}
const withReleasePhase: CommitKind = { releaseCommand: { runsMs: 1_500, exitCode: 0 } }
const key = { app: 'shop', environment: 'production' } as Parameters<Player['push']>[0]

const empty = async (player: Player) => {
  await player.createApp('shop')
}

const served = async (player: Player) => {
  await empty(player)
  await player.settled(await player.push(key, {}))
}

export const canonicalHistories: readonly CanonicalHistory[] = [
  {
    name: 'first push, with a release phase',
    before: empty,
    act: async player => player.settled(await player.push(key, withReleasePhase)),
  },
  {
    name: 'push over a serving release, with a worker',
    before: served,
    act: async player => player.settled(await player.push(key, withWorker)),
  },
  {
    name: 'release phase fails',
    before: served,
    act: async player => player.settled(await player.push(key, { releaseCommand: { runsMs: 500, exitCode: 3 } })),
  },
  {
    name: 'push that never listens',
    before: served,
    act: async player => player.settled(await player.push(key, { web: { listenMs: null } })),
  },
  {
    name: 'push that crashes in its observation window',
    before: served,
    act: async player => player.settled(await player.push(key, { web: { exit: { afterMs: 4_000, code: 1 } } })),
  },
  {
    name: 'push that crashes in its observation window again and again',
    before: served,
    act: async player => player.settled(await player.push(key, { web: { exit: { afterMs: 800, code: 1 } } })),
  },
  {
    name: 'second push supersedes the first, third one comes within the observation window',
    before: served,
    act: async player => {
      await player.push(key, { buildMs: 5_000 })
      await player.landed(await player.push(key, {}))
      await player.settled(await player.push(key, {}))
    },
  },
  {
    name: 'push superseded while it starts',
    before: served,
    act: async player => {
      await player.push(key, { web: { listenMs: 4_000 } })
      await player.world.clock.pass(2_500)
      await player.settled(await player.push(key, {}))
    },
  },
  {
    name: 'two pushes of the same parent, the first with a release phase',
    before: served,
    act: async player => {
      const first = await player.push(key, withReleasePhase)
      await player.world.clock.pass(1_500)
      await player.push(key, {})
      await player.settled(first)
    },
  },
  {
    name: 'rollback',
    before: async player => {
      await served(player)
      await player.settled(await player.push(key, {}))
    },
    act: async player =>
      player.settled(await player.submit(key, { kind: 'rollback', to: 1, releasePhase: true, automatic: false })),
  },
  {
    name: 'scale, and a config change in line behind it',
    before: served,
    act: async player => {
      await player.submit(key, { kind: 'scale', formation: { web: 2 } })
      const { version } = await player.store.writeConfig(
        key,
        1,
        { GREETING: new Secret('hello') },
        'simulation',
        player.world.clock.now(),
      )
      await player.settled(await player.submit(key, { kind: 'config', config: version, summary: 'Set GREETING' }))
    },
  },
  {
    name: 'cancelled while it builds',
    before: served,
    act: async player => {
      const client = await player.push(key, { buildMs: 5_000 })
      await player.world.clock.pass(1_000)
      await player.cancel(client)
    },
  },
  {
    name: 'push with two steps of verify',
    before: served,
    act: async player =>
      player.settled(
        await player.push(key, {
          steps: [
            { name: 'lint', runsMs: 300, exitCode: 0 },
            { name: 'unit', runsMs: 400, exitCode: 0 },
          ],
        }),
      ),
  },
  {
    name: 'a step of verify fails, twice',
    before: served,
    act: async player => {
      const steps = [{ name: 'unit', runsMs: 500, exitCode: 3, retries: 1 }]
      await player.settled(await player.push(key, { buildMs: 100, steps }))
    },
  },
  {
    name: 'a step of verify hangs past its time',
    before: served,
    act: async player => {
      const steps = [{ name: 'unit', runsMs: 1_000_000, exitCode: 0, timeoutSeconds: 2 }]
      await player.settled(await player.push(key, { buildMs: 100, steps }))
    },
  },
  {
    name: 'cancelled while a step of verify runs',
    before: served,
    act: async player => {
      const steps = [{ name: 'unit', runsMs: 20_000, exitCode: 0 }]
      const client = await player.push(key, { buildMs: 100, steps })
      await player.world.clock.pass(1_300)
      await player.cancel(client)
    },
  },
  {
    name: 'destroyed while a step of verify runs',
    before: served,
    act: async player => {
      await player.push(key, { buildMs: 100, steps: [{ name: 'unit', runsMs: 20_000, exitCode: 0 }] })
      await player.world.clock.pass(1_300)
      await player.destroy(key)
    },
  },
  {
    name: 'destroyed in the observation window of a release with a release phase',
    before: async player => {
      await served(player)
      await player.landed(await player.push(key, withReleasePhase))
    },
    act: player => player.destroy(key),
  },
  {
    name: 'destroyed on an engine that holds on to the network',
    before: served,
    act: async player => {
      player.world.networksHeldUntil = player.world.clock.monotonic() + 100_000
      await player.destroy(key, 60_000)
    },
  },
]

/** A crash at a call of the act, or a fault of one of its calls to the outside. */
export type Trouble = Crash | { readonly outside: number; readonly fault: Fault }

/** Plays it to the end of the act; calls are numbered from the start of the act. */
export async function play(
  player: Player,
  history: CanonicalHistory,
  trouble?: Trouble,
): Promise<{ readonly first: number; readonly last: number }> {
  await player.begin()
  await history.before(player)
  const { gate } = player
  const first = gate.sites.length
  if (trouble && 'when' in trouble) player.killAt({ call: first + trouble.call, when: trouble.when })
  else if (trouble) gate.addFault(gate.outside + trouble.outside, trouble.fault)
  await history.act(player)
  return { first, last: gate.sites.length }
}

/** How many calls the act makes when nothing goes wrong. */
export async function callsOf(history: CanonicalHistory): Promise<number> {
  const player = new Player()
  const { first, last } = await play(player, history)
  await player.world.dispose()
  return last - first
}
