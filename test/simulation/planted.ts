import { AsyncLocalStorage } from 'node:async_hooks'
import SqliteDatabase from 'better-sqlite3'
import { AppError } from '../../src/core/errors.ts'
import { label, type Labels } from '../../src/core/labels.ts'
import { parseAppName, parseEnvironmentName, type EnvironmentKey, type RunId } from '../../src/core/names.ts'
import type { Run } from '../../src/core/run.ts'
import type { RunState } from '../../src/core/states.ts'
import type { Deps } from '../../src/pipeline/deps.ts'
import type { Plant, World } from './world.ts'

/**
 * Bugs that a tired person might write, each put into the control plane by what it reaches the world through, so that
 * the code in production carries no switch. The simulation must find every one (planted.test.ts).
 */
export interface PlantedBug {
  readonly name: string
  readonly plant: Plant
  /** The canonical history that should show it. */
  readonly history: string
  /** Calls at which a crash or a fault shows it; none: it shows by itself. */
  readonly at: readonly string[]
  /** What the broken law's report says. */
  readonly law: RegExp
}

const forever = new AbortController().signal

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'the branch moves before the row that says so',
    history: 'push over a serving release',
    at: ['store.advanceRun'],
    law: /branch are/,
    plant: deps => ({
      ...deps,
      store: changed(deps.store, {
        advanceRun: async (id, from, to, facts) => {
          const run = await deps.store.findRun(id)
          if (to === 'proven' && run?.intent.kind === 'commit' && run.intent.move) {
            const { branch, from } = run.intent.move
            await deps.repositories.moveBranch(run.app, branch, { from, to: run.intent.commit }, forever)
          }
          return deps.store.advanceRun(id, from, to, facts)
        },
      }),
    }),
  },
  {
    name: 'traffic moves before the row "proven"',
    history: 'push over a serving release',
    at: [],
    law: /traffic moved to v2 while its run was starting/,
    plant: deps => ({
      ...deps,
      store: changed(deps.store, {
        advanceRun: async (id, from, to, facts) => {
          const run = await deps.store.findRun(id)
          if (to === 'proven' && run?.release) {
            const { app, environment, release } = run
            await deps.edges.route({ app, environment, release, hosts: deps.hosts(run) }, forever)
          }
          return deps.store.advanceRun(id, from, to, facts)
        },
      }),
    }),
  },
  {
    name: 'a process that Swarm calls running is taken for proven',
    history: 'push that never listens',
    at: [],
    law: /without proof/,
    plant: deps => ({
      ...deps,
      edges: changed(deps.edges, {
        watch: (key, signal) =>
          mapped(deps.edges.watch(key, signal), view => ({
            ...view,
            processes: view.processes.map(one =>
              one.state === 'running' && one.type === 'web' ? { ...one, proof: 'proven' as const } : one,
            ),
          })),
      }),
    }),
  },
  {
    name: 'a new control plane deletes at once, without waiting for calls of the one before',
    history: 'push over a serving release',
    at: ['edges.allocate', 'engine.createService'],
    law: /lanes are|services are/,
    plant: deps => ({ ...deps, quiet: async () => undefined }),
  },
  {
    name: 'the release phase is started again after a crash',
    history: 'first push, with a release phase',
    at: ['engine.inspectOneOff'],
    law: /was started 2 times/,
    plant: deps => ({
      ...deps,
      store: changed(deps.store, {
        startReleasePhase: async (run, now) => (await deps.store.startReleasePhase(run, now), true),
      }),
      engine: changed(deps.engine, {
        startOneOff: async (spec, signal) => {
          await deps.engine.removeOneOff(spec.name, signal)
          await deps.engine.startOneOff(spec, signal)
        },
      }),
    }),
  },
  {
    name: 'the old release is freed at "live", not at "settled"',
    history: 'rollback',
    at: [],
    law: /before the release after it had settled/,
    plant: deps => ({
      ...deps,
      store: changed(deps.store, {
        standingRuns: async key =>
          (await deps.store.standingRuns(key)).map(run => (run.state === 'live' ? { ...run, state: 'settled' } : run)),
      }),
    }),
  },
  {
    name: 'processes are stopped without a drain',
    history: 'push over a serving release',
    at: [],
    law: /with a request in flight/,
    plant: deps => ({
      ...deps,
      edges: changed(deps.edges, {
        watch: (key, signal) => mapped(deps.edges.watch(key, signal), view => ({ ...view, inFlight: {} })),
      }),
    }),
  },
  {
    name: 'a superseded run goes on',
    history: 'push superseded while it starts',
    at: [],
    law: /while its run was superseded/,
    plant: goesOn,
  },
  {
    name: 'a state is written whatever the row says',
    history: 'push superseded while it starts',
    at: [],
    law: /went from superseded to live/,
    plant: writesBlindly,
  },
  {
    name: 'any commit is taken for a fast-forward',
    history: 'two pushes of the same parent, the first with a release phase',
    at: [],
    law: /without force/,
    plant: deps => ({
      ...deps,
      repositories: changed(deps.repositories, { isAncestor: async () => true }),
    }),
  },
  {
    name: 'an edge that did not take the switch is believed to have',
    history: 'push over a serving release',
    at: ['edges.route'],
    law: /was called live while v1 had the traffic/,
    plant: deps => ({
      ...deps,
      edges: changed(deps.edges, {
        route: (route, signal) =>
          deps.edges.route(route, signal).catch((error: unknown) => {
            if (!(error instanceof AppError)) throw error
          }),
      }),
    }),
  },
  {
    name: 'a swarm service is named by chance',
    history: 'push over a serving release',
    at: ['store.advanceRun'],
    law: /services are/,
    plant: deps => ({
      ...deps,
      engine: changed(deps.engine, {
        createService: (spec, signal) =>
          deps.engine.createService({ ...spec, name: `${spec.name}-${deps.ids.hex(2)}` }, signal),
      }),
    }),
  },
  {
    name: 'the row says "live" before the edges have switched',
    history: 'push over a serving release',
    at: [],
    law: /was called live while v1 had the traffic/,
    plant: deps => ({
      ...deps,
      edges: changed(deps.edges, {
        route: async (route, signal) => {
          void deps.clock.sleep(50, signal).then(() => deps.edges.route(route, signal))
        },
      }),
    }),
  },
  {
    name: 'the sweep goes by rows read before the cluster was listed',
    history: 'second push supersedes the first, third one',
    at: ['engine.listServices', 'engine.listConfigs'],
    law: /stop while its release serves|services are|snapshots are/,
    plant: rowsBeforeListing,
  },
]

/** The port with some methods replaced; the others are its own. */
function changed<T extends object>(port: T, methods: Partial<T>): T {
  return new Proxy(port, {
    get: (target, key) =>
      (Object.hasOwn(methods, key) ? Reflect.get(methods, key) : Reflect.get(target, key)) as unknown,
  })
}

async function* mapped<T>(source: AsyncIterable<T>, change: (value: T) => T): AsyncGenerator<T, void, undefined> {
  for await (const value of source) yield change(value)
}

/** The row is written, but the run is not told, and no row it meets stops it. */
function goesOn(deps: Deps): Deps {
  const advanceRun: Deps['store']['advanceRun'] = async (id, from, to, facts) => {
    try {
      const row = await deps.store.advanceRun(id, from, to, facts)
      if (to === 'superseded') throw new AppError('conflict', 'it has moved')
      return row
    } catch (error) {
      const row = await deps.store.findRun(id)
      if (to === 'superseded' || row?.state !== 'superseded') throw error
      return { ...row, state: to }
    }
  }
  return { ...deps, store: changed(deps.store, { advanceRun }) }
}

/** And its states are written over what stands there, without the store's precondition. */
function writesBlindly(deps: Deps, { path }: World): Deps {
  const { store } = goesOn(deps)
  const advanceRun: Deps['store']['advanceRun'] = async (id, from, to, facts) => {
    const row = await store.advanceRun(id, from, to, facts)
    overwrite(path, id, row.state)
    return row
  }
  return { ...deps, store: changed(store, { advanceRun }) }
}

function overwrite(path: string, id: RunId, state: RunState): void {
  const database = new SqliteDatabase(path)
  database.prepare('update runs set state = ? where id = ?').run(state, id)
  database.close()
}

/** Each sweep keeps what it read when it began to list the cluster. */
function rowsBeforeListing(deps: Deps): Deps {
  const ofThisSweep = new AsyncLocalStorage<Promise<readonly Run[]>>()
  const listServices: Deps['engine']['listServices'] = (labels, signal) => {
    if (labels[label.release] === undefined) ofThisSweep.enterWith(deps.store.standingRuns(keyOf(labels)))
    return deps.engine.listServices(labels, signal)
  }
  const standingRuns: Deps['store']['standingRuns'] = key => ofThisSweep.getStore() ?? deps.store.standingRuns(key)
  return { ...deps, engine: changed(deps.engine, { listServices }), store: changed(deps.store, { standingRuns }) }
}

function keyOf(labels: Labels): EnvironmentKey {
  return {
    app: parseAppName(labels[label.app] ?? ''),
    environment: parseEnvironmentName(labels[label.environment] ?? ''),
  }
}
