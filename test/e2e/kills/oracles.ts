import type { Run } from '../../../src/core/run.ts'
import { isFinal, wentLive } from '../../../src/core/states.ts'
import { releasePhaseName } from '../../../src/rollout/spec.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Moment, Stage } from './plan.ts'
import type { Pushed, Site } from './site.ts'
import { edgeState, runOf } from './socket.ts'

/** `no run`: the push never became one. */
export type End = 'no run' | Run['state']

/** What a control plane's death must lead to, by the stage in which the run was (docs/design/run-states.md). */
const after: Record<Stage, 'cancelled' | 'carried'> = {
  receiving: 'cancelled',
  building: 'cancelled',
  verifying: 'cancelled',
  'release phase': 'carried',
  starting: 'cancelled',
  proven: 'carried',
  warm: 'carried',
  draining: 'carried',
}

/**
 * The two oracles, no third: the run ended without a trace, or it was carried to its own end. Updates what serves;
 * traces are looked for later (`noTraces`), because the first delete of a new control plane waits (law:
 * one-control-plane-writes). Rejects when neither holds.
 */
export async function judge(site: Site, push: Pushed, { stage, target }: Moment, isVictim: boolean): Promise<End> {
  const { code, stderr } = await push.outcome
  const run = await ended(site, push)
  const end = run?.state ?? 'no run'
  const story = `${push.version} ended ${end} (${run?.reason ?? 'no row'}), git ${code}: ${stderr.slice(-600)}`
  if (target === 'control plane') {
    const wanted = isVictim ? after[stage] : 'carried'
    if ((run !== null && wentLive(run.state)) !== (wanted === 'carried')) throw new Error(`not ${wanted}: ${story}`)
  }
  if (run !== null && wentLive(run.state)) await carried(site, push, run, story)
  else await untouched(site, push, run, story)
  const phases = site.witness.count('release', push.version)
  if (phases > (push.shape.release ? 1 : 0)) throw new Error(`${phases} release phases: ${story}`)
  return end
}

async function ended(site: Site, push: Pushed): Promise<Run | null> {
  const { run } = await eventually(
    `the run of ${push.version} has its end`,
    async () => {
      const found = await runOf(site.platform.host, site.app.name, push.commit)
      return found === null || isFinal(found.state) || wentLive(found.state) ? { run: found } : null
    },
    { withinMs: 180_000, everyMs: 250 },
  )
  return run
}

async function carried(site: Site, push: Pushed, run: Run, story: string): Promise<void> {
  await eventually(`the branch follows: ${story}`, async () => (await site.app.remoteHead()) === push.commit)
  site.head = push.commit
  if (run.state === 'failed-after-live') return site.app.answers(site.serving.version)
  await site.app.answers(push.version)
  site.serving = { version: push.version, release: run.release ?? 0 }
  site.wentLive.add(push.version)
}

async function untouched(site: Site, push: Pushed, run: Run | null, story: string): Promise<void> {
  if ((await push.outcome).code === 0) throw new Error(`the pusher was told ok: ${story}`)
  const head = await site.app.remoteHead()
  if (head !== site.head) throw new Error(`the branch has moved to ${head}: ${story}`)
  await site.app.answers(site.serving.version)
  if (run !== null) site.ended.push(run)
}

/** Nothing of the runs that ended before going live is left: no swarm service, config, lane, one-off. */
export async function noTraces(site: Site): Promise<void> {
  for (const run of site.ended.splice(0)) {
    await eventually(
      `no trace of run ${run.id}, ${run.state} as v${run.release}`,
      async () => {
        const left = [...(await oneOffs(site, run)), ...(run.release === null ? [] : await objects(site, run.release))]
        if (left.length > 0) throw new Error(left.join(', '))
        return true
      },
      { withinMs: 120_000, everyMs: 500 },
    )
  }
}

/** When all is over, what is in the cluster is the serving release, and nothing else. */
export async function atRest(site: Site): Promise<void> {
  await eventually(
    `nothing but v${site.serving.release} is left`,
    async () => {
      const { host } = site.platform
      const label = ['--filter', `label=lading.app=${site.app.name}`]
      const services = await host.run(['docker', 'service', 'ls', ...label, '--format', '{{.Name}}'])
      const containers = await host.run(['docker', 'ps', '--all', ...label, '--format', '{{.Names}} {{.State}}'])
      const oneOffsLeft = containers.split('\n').filter(line => line.startsWith('l-release-phase-'))
      const lanes = (await edgeState(host)).lanes.filter(lane => lane.app === site.app.name)
      const names = [...services.split('\n'), ...oneOffsLeft, ...lanes.map(lane => `lane v${lane.release}`)]
      const wanted = [`l-held-production-v${site.serving.release}-web`, `lane v${site.serving.release}`]
      if (names.join() !== wanted.join()) throw new Error(names.join(', '))
      return true
    },
    { withinMs: 180_000, everyMs: 500 },
  )
}

async function objects(site: Site, release: number): Promise<readonly string[]> {
  const { host } = site.platform
  const labels = ['--filter', `label=lading.app=${site.app.name}`, '--filter', `label=lading.release=${release}`]
  const services = await host.run(['docker', 'service', 'ls', ...labels, '--format', 'service {{.Name}}'])
  const configs = await host.run(['docker', 'config', 'ls', ...labels, '--format', 'config {{.Name}}'])
  const lanes = (await edgeState(host)).lanes.filter(lane => lane.app === site.app.name && lane.release === release)
  return [...services.split('\n'), ...configs.split('\n'), ...lanes.map(() => `lane v${release}`)].filter(Boolean)
}

async function oneOffs(site: Site, run: Run): Promise<readonly string[]> {
  const filter = ['--filter', `name=^/?${releasePhaseName(run.id)}$`]
  const found = await site.platform.host.run(['docker', 'ps', '--all', ...filter, '--format', 'one-off {{.Names}}'])
  return found.split('\n').filter(Boolean)
}
