import { environmentId } from '../../src/core/labels.ts'
import { parseProcessType, web, type EnvironmentKey } from '../../src/core/names.ts'
import { Secret } from '../../src/core/secret.ts'
import type { Fault } from './gate.ts'
import { atRest } from './invariants.ts'
import { Player, type Client } from './player.ts'
import { Random } from './random.ts'
import type { CommitKind, Plant } from './world.ts'

export interface HistoryResult {
  readonly seed: number
  readonly problems: readonly string[]
  /** What happened, in words, for a person who looks for the cause. */
  readonly story: readonly string[]
}

const worker = parseProcessType('worker')

/** How often each kind of commit comes, and what it is. */
const kinds: readonly (readonly [weight: number, name: string, (random: Random) => CommitKind])[] = [
  [6, 'good', random => ({ buildMs: random.between(100, 3_000), web: { listenMs: random.between(10, 2_500) } })],
  [
    2,
    'good with a worker',
    () => ({
      processes: [
        { type: web, command: null },
        { type: worker, command: 'work' },
      ],
    }),
  ],
  [3, 'with a release phase', random => ({ releaseCommand: { runsMs: random.between(0, 4_000), exitCode: 0 } })],
  [1, 'whose release phase fails', () => ({ releaseCommand: { runsMs: 700, exitCode: 1 } })],
  [1, 'that does not build', () => ({ buildFails: true })],
  [1, 'that never listens', () => ({ web: { listenMs: null } })],
  [1, 'that crashes at its start', () => ({ web: { exit: { afterMs: 50, code: 1 } } })],
  [2, 'that crashes later', random => ({ web: { exit: { afterMs: random.between(1_000, 12_000), code: 1 } } })],
  [1, 'that is deaf to SIGTERM', () => ({ web: { stopMs: 60_000 } })],
  [1, 'without web', () => ({ processes: [{ type: worker, command: 'work' }] })],
]

/**
 * Three to five runs in two environments, one crash and five further faults, at moments that the seed gives. Everything
 * that happens follows from the seed and the code.
 */
export async function randomHistory(seed: number, plant?: Plant): Promise<HistoryResult> {
  const random = new Random(seed)
  const story: string[] = []
  const player = new Player({ faults: someFaults(random, story), lateMs: () => random.between(100, 15_000), plant })
  const { clock } = player.world
  await player.begin()
  const keys = [await player.createApp('shop'), await player.createApp('blog')]
  const runs = random.between(3, 5)
  player.killAt({ call: random.between(5, runs * 60), when: random.pick(['before', 'after'] as const) })
  const waiting: Client[] = []
  for (let run = 0; run < runs; run++) {
    const key = run < 2 ? keys[run % 2] : random.pick(keys)
    if (key === undefined) throw new Error('there are two environments')
    const client = await act(player, key, random, line =>
      story.push(`${clock.monotonic()} ${environmentId(key)}: ${line}`),
    )
    if (client) waiting.push(client)
    if (random.next() < 0.5) await clock.pass(random.between(0, 20_000))
    else if (client) await player.landed(client)
    if (random.next() < 0.1) {
      player.world.log.push(`${Math.round(clock.monotonic())} clean`)
      await player.clean()
    }
    const other = random.pick(waiting.length > 0 ? waiting : [null])
    if (other && random.next() < 0.1) {
      player.world.log.push(`${Math.round(clock.monotonic())} cancel ${other.run?.id}`)
      await player.cancel(other)
    }
  }
  const problems = await atRest(player)
  const { crashSite } = player
  story.push(crashSite ? `crashed at call ${crashSite.call}, ${crashSite.name} while ${crashSite.stage}` : 'no crash')
  story.push(...player.world.log)
  await player.world.dispose()
  return { seed, problems, story }
}

/** Something a person does; null when there is nothing yet that it could be done to. */
async function act(
  player: Player,
  key: EnvironmentKey,
  random: Random,
  say: (line: string) => void,
): Promise<Client | null> {
  const releases = await player.store.listReleases(key, 10)
  const dice = releases.length === 0 ? 0 : random.next()
  if (dice < 0.6) {
    const [, name, make] = weighted(random)
    say(`push of a commit ${name}`)
    return player.push(key, make(random))
  }
  if (dice < 0.75) {
    const { number } = random.pick(releases)
    say(`rollback to v${number}`)
    return player.submit(key, { kind: 'rollback', to: number, releasePhase: true, automatic: false })
  }
  if (dice < 0.88) {
    const formation = { web: random.between(0, 3) }
    say(`scale to ${JSON.stringify(formation)}`)
    return player.submit(key, { kind: 'scale', formation })
  }
  const { version } = await player.store.readConfig(key, 0)
  const now = player.world.clock.now()
  const config = await player.store.writeConfig(key, version, { A: new Secret(String(now)) }, 'simulation', now)
  say(`config version ${config.version}`)
  return player.submit(key, { kind: 'config', config: config.version, summary: 'Set A' })
}

function weighted(random: Random): (typeof kinds)[number] {
  let left = random.next() * kinds.reduce((sum, [weight]) => sum + weight, 0)
  return kinds.find(([weight]) => (left -= weight) < 0) ?? random.pick(kinds)
}

function someFaults(random: Random, story: string[]): ReadonlyMap<number, Fault> {
  const faults = new Map<number, Fault>()
  while (faults.size < 5) faults.set(random.between(0, 150), random.pick(['refused', 'lost', 'late', 'twice'] as const))
  story.push(`faults: ${[...faults].map(([call, fault]) => `${call} ${fault}`).join(', ')}`)
  return faults
}
