import type { RunState } from '../../../src/core/states.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Moment, Stage } from './plan.ts'
import type { Pushed, Site } from './site.ts'
import { runOf } from './socket.ts'

/** The moment has come. */
export interface Reached {
  /** What is on its way, in the order of the pushes. */
  readonly pushes: readonly Pushed[]
  /** The last push's row when it was looked at last; null: there was none yet. */
  readonly seen: RunState | null
  /** To be called at once after the kill. */
  readonly atOnce: () => void
  /** To be called when the platform is whole again. */
  readonly later: () => void
  /** A request that the release before has open, and must answer. */
  readonly request?: Promise<{ status: number; body: string }>
}

type Way = (site: Site, moment: Moment) => Promise<Reached>

const nothing = (): void => undefined

/** Resolves at the moment: the push is in that stage, and mostly cannot leave it before it is let go. */
export async function reach(site: Site, moment: Moment): Promise<Reached> {
  return ways[moment.stage](site, moment)
}

const ways: Record<Stage, Way> = {
  receiving,
  building,
  verifying,
  'release phase': releasePhase,
  starting,
  proven,
  warm,
  draining,
}

/** While the pack travels: git says how much of it is sent. */
async function receiving(site: Site, { share }: Moment): Promise<Reached> {
  const percent = 5 + share * 80
  const push = await said(site, { ballast: true }, text => {
    const all = [...text.matchAll(/Writing objects:\s+(\d+)%/g)]
    return all.some(([, done]) => Number(done) >= percent)
  })
  return { pushes: [push], seen: null, atOnce: nothing, later: nothing }
}

/** While the app's own build step runs: it says which part of it. */
async function building(site: Site, { share }: Moment): Promise<Reached> {
  const part = `part ${1 + Math.floor(share * 28)} of 30`
  const push = await said(site, { build: true }, text => text.includes(part))
  return { pushes: [push], seen: await stateOf(site, push), atOnce: nothing, later: nothing }
}

/** Verified, and waiting for its turn behind a run whose release phase is held. */
async function verifying(site: Site, { share }: Moment): Promise<Reached> {
  const ahead = await site.commit({ release: true })
  const hold = site.witness.hold('release', ahead.version)
  const first = site.pushCommitted(ahead)
  await unlessEnded(first, hold.arrived)
  const second = await site.push()
  await seen(site, second, ['verifying'])
  return { pushes: [first, second], seen: 'verifying', ...letGo(hold.letGo, share) }
}

async function releasePhase(site: Site, { share }: Moment): Promise<Reached> {
  const next = await site.commit({ release: true })
  const hold = site.witness.hold('release', next.version)
  const push = site.pushCommitted(next)
  await unlessEnded(push, hold.arrived)
  return { pushes: [push], seen: await stateOf(site, push), ...letGo(hold.letGo, share) }
}

/** Its process runs and does not listen yet. */
async function starting(site: Site): Promise<Reached> {
  const next = await site.commit({})
  const hold = site.witness.hold('boot', next.version)
  const push = site.pushCommitted(next)
  await unlessEnded(push, hold.arrived)
  return { pushes: [push], seen: await stateOf(site, push), atOnce: hold.letGo, later: nothing }
}

/** The few milliseconds between proof, switch, row and branch: whichever of them a look meets first. */
async function proven(site: Site): Promise<Reached> {
  const next = await site.commit({})
  const hold = site.witness.hold('boot', next.version)
  const push = site.pushCommitted(next)
  await unlessEnded(push, hold.arrived)
  hold.letGo()
  return { pushes: [push], seen: await seen(site, push, ['proven', 'live'], 2), atOnce: nothing, later: nothing }
}

/** The pusher has its ok, the release before is warm. */
async function warm(site: Site, { share }: Moment): Promise<Reached> {
  const push = await site.push()
  await push.outcome
  if (share >= 0.5) await site.app.answers(push.version)
  return { pushes: [push], seen: await stateOf(site, push), atOnce: nothing, later: nothing }
}

/** Settled, while the release before has a request open. */
async function draining(site: Site, { share }: Moment): Promise<Reached> {
  const { version, release } = site.serving
  const hold = site.witness.hold('request', version)
  const request = site.app.get('/held').catch((error: unknown) => ({ status: 0, body: String(error) }))
  await hold.arrived
  const push = await site.push()
  await push.outcome
  const state = await seen(site, push, ['settled'])
  const filter = ['--filter', `label=lading.app=${site.app.name}`, '--filter', `label=lading.release=${release}`]
  const left = await site.platform.host.run(['docker', 'service', 'ls', '--quiet', ...filter])
  if (left === '') throw new Error(`v${release} is gone although a request is open on it`)
  return { pushes: [push], seen: state, request, ...letGo(hold.letGo, share) }
}

function letGo(what: () => void, share: number): Pick<Reached, 'atOnce' | 'later'> {
  return share < 0.5 ? { atOnce: nothing, later: what } : { atOnce: what, later: nothing }
}

/** Pushes, and resolves when git has said it; rejects when the push ended before. */
async function said(site: Site, shape: Pushed['shape'], enough: (text: string) => boolean): Promise<Pushed> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let text = ''
  const push = await site.push(shape, more => {
    text += more
    if (enough(text)) resolve()
  })
  await unlessEnded(push, promise)
  return push
}

async function unlessEnded(push: Pushed, moment: Promise<void>): Promise<void> {
  const ended = push.outcome.then(({ code, stderr }) => {
    throw new Error(`the push of ${push.version} ended (${code}) before its moment:\n${stderr}`)
  })
  await Promise.race([moment, ended])
}

async function seen(site: Site, push: Pushed, states: readonly RunState[], everyMs = 20): Promise<RunState> {
  const look = async (): Promise<RunState | null> => {
    const state = await stateOf(site, push)
    return state !== null && states.includes(state) ? state : null
  }
  return eventually(`the run of ${push.version} is ${states.join(' or ')}`, look, { everyMs })
}

async function stateOf(site: Site, { commit }: Pushed): Promise<RunState | null> {
  return (await runOf(site.platform.host, site.app.name, commit))?.state ?? null
}
