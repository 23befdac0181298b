import { releasesToKeep, servingRelease } from '../../src/core/keep.ts'
import { environmentId, environmentLabels, label } from '../../src/core/labels.ts'
import type { EnvironmentKey } from '../../src/core/names.ts'
import type { Run } from '../../src/core/run.ts'
import { isFinal, wentLive } from '../../src/core/states.ts'
import { laneSpec, serviceSpecs, spaceNetwork } from '../../src/rollout/spec.ts'
import { mustBeCarriedOn, type Player } from './player.ts'

const forever = new AbortController().signal

/**
 * Lets the world come to rest, then says what is wrong in it; nothing: all laws hold. A world that never comes to rest
 * is wrong too.
 */
export async function atRest(player: Player): Promise<string[]> {
  const { world } = player
  let problems: string[] = ['it was never looked at']
  for (let minutes = 0; minutes < 40 && problems.length > 0; minutes++) {
    await world.clock.pass(minutes === 0 ? 15_000 : 30_000)
    problems = await wrongNow(player)
  }
  return [...problems, ...(await wrongForever(player)), ...world.witness.violations]
}

/** What may be wrong for a while: a drain, a sweep, a run under way. */
async function wrongNow(player: Player): Promise<string[]> {
  const { store, world } = player
  const problems = (await store.openRuns()).map(run => `run ${run.id} is still ${run.state}`)
  const environments = await store.listEnvironments()
  for (const key of environments) problems.push(...(await wrongIn(player, key)))
  const known = environments.map(key => spaceNetwork(key))
  const { networks, containers } = world.cluster.inventory()
  problems.push(...networks.filter(name => !known.includes(name)).map(name => `network ${name} is an orphan`))
  problems.push(...containers.map(name => `container ${name} is an orphan`))
  const ids = environments.map(environmentId)
  const { lanes, routes } = await world.edges.edges().state(forever)
  for (const it of [...lanes, ...routes]) {
    if (!ids.includes(environmentId(it))) problems.push(`a lane or route of ${environmentId(it)} is an orphan`)
  }
  return problems
}

/** What runs is what the rows say serves, and nothing else is there. */
async function wrongIn({ store, world }: Player, key: EnvironmentKey): Promise<string[]> {
  const engine = world.cluster.engine()
  const runs = await store.listRuns(key, 1_000)
  const number = servingRelease(runs)
  const release = number === null ? null : await store.findRelease(key, number)
  const labels = environmentLabels(key)
  const { lanes, routes } = await world.edges.edges().state(forever)
  const ours = <T extends EnvironmentKey>(all: readonly T[]) =>
    all.filter(one => environmentId(one) === environmentId(key))
  const facts: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [
      'services',
      (await engine.listServices(labels, forever)).map(service => service.name),
      release ? serviceSpecs(release, {}).map(spec => spec.name) : [],
    ],
    [
      'snapshots',
      (await engine.listConfigs({ ...labels, [label.role]: 'snapshot' }, forever)).map(
        one => one.labels[label.release] ?? '',
      ),
      release ? [String(number)] : [],
    ],
    ['lanes', ours(lanes).map(lane => String(lane.release)), release && laneSpec(release) ? [String(number)] : []],
    ['routes', ours(routes).map(route => String(route.release)), release && laneSpec(release) ? [String(number)] : []],
    ['removed images that may run', await imagesGone(store, world, key), []],
    ['branch', await branchOf(world, key), newestLiveCommit(runs)],
  ]
  return facts.flatMap(([what, are, should]) =>
    are.toSorted().join() === should.toSorted().join()
      ? []
      : [`${environmentId(key)}: ${what} are [${are.join()}], should be [${should.join()}]`],
  )
}

/** Of releases that serve, are warm or on their way, those whose image was cleaned away. */
async function imagesGone(
  store: Player['store'],
  { builder }: Player['world'],
  key: EnvironmentKey,
): Promise<string[]> {
  const kept = await Promise.all(
    [...releasesToKeep(await store.standingRuns(key))].map(number => store.findRelease(key, number)),
  )
  return kept.flatMap(release =>
    release && builder.removed.has(release.image.reference) ? [`v${release.number}`] : [],
  )
}

async function branchOf(world: Player['world'], { app }: EnvironmentKey): Promise<string[]> {
  const refs = world.repositories.refs(app).filter(([name]) => name === 'refs/heads/main')
  return refs.map(([, commit]) => commit)
}

/** Newest first. */
function newestLiveCommit(runs: readonly Run[]): string[] {
  const live = runs.filter(run => wentLive(run.state) && run.intent.kind === 'commit')
  const newest = live.toSorted((a, b) => (b.release ?? 0) - (a.release ?? 0))[0]
  return newest?.intent.kind === 'commit' ? [newest.intent.commit] : []
}

/** What no time fixes. */
async function wrongForever(player: Player): Promise<string[]> {
  const { store, world, clients, atCrash } = player
  const problems: string[] = []
  for (const [name, starts] of world.cluster.processes.oneOffStarts) {
    if (starts > 1) problems.push(`${name} was started ${starts} times`)
  }
  for (const { outcome } of clients) {
    const now = outcome && (await store.findRun(outcome.id))
    if (outcome && wentLive(outcome.state) && now && !wentLive(now.state)) {
      problems.push(`run ${outcome.id} was acknowledged as live and is ${now.state}`)
    }
    if (now && isFinal(now.state) && now.reason === '') problems.push(`run ${now.id} has no reason`)
  }
  for (const before of atCrash) {
    const after = await store.findRun(before.id)
    if (!after) continue
    const cancelled = after.state === 'cancelled' || after.state === 'superseded'
    if (cancelled === mustBeCarriedOn(before)) {
      problems.push(`run ${before.id} was ${before.state} when its control plane died, and became ${after.state}`)
    }
  }
  return problems
}
