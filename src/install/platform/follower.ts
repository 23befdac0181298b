import { createHash } from 'node:crypto'
import { z } from 'zod'
import { defaults } from '../../core/defaults.ts'
import { label } from '../../core/labels.ts'
import { systemClock } from '../../core/system.ts'
import { pointLink } from '../../lib/files.ts'
import { MiB } from '../../lib/format.ts'
import { lastLogLines } from './container-log.ts'
import type { Decisions } from '../steps/decisions.ts'
import { askSocket, engine, find } from '../swarm/engine-call.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import { paths } from '../paths.ts'
import { privileges } from './privileges.ts'
import { specLabel } from './services.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { platformLabels } from '../swarm/swarm.ts'
import { waitFor } from '../steps/waiting.ts'

const name = 'lading-logs'
const stopSeconds = 10

/**
 * This node's log follower (docs/design/logs.md): a plain container of the control plane's image. One that is made from
 * something else is removed and made again; it goes on where the one before it ended.
 */
export function followerStep(site: Site): Step {
  const serves = async (signal: AbortSignal) => {
    const present = await findFollower(signal)
    if (!present?.State.Running || present.Config.Labels?.[specLabel] !== (await specOf(site.decisions, signal)))
      return null
    return (await askSocket(paths.logsSocket, '/health', signal)) === null ? null : true
  }
  return {
    title: 'log follower',
    check: async signal => ((await serves(signal)) ? name : null),
    act: async (say, signal) => {
      const present = await findFollower(signal)
      const spec = await specOf(site.decisions, signal)
      if (present !== null && present.Config.Labels?.[specLabel] !== spec) await removeFollower(signal)
      if (present?.Config.Labels?.[specLabel] !== spec) {
        const body = followerJson(site.decisions, await engineRoot(signal))
        Object.assign(body.Labels, { [specLabel]: spec })
        await engine.json({ method: 'POST', path: '/containers/create', query: { name }, body }, signal)
      }
      await engine.json({ method: 'POST', path: `/containers/${name}/start` }, signal)
      say('waiting for it to answer')
      const details = () => lastLogLines(name, signal)
      await waitFor({ title: `${name} does not answer`, seconds: 60, details }, () => serves(signal), {
        clock: systemClock,
        signal,
      })
      // Over a socket that a follower from before has left there.
      await pointLink(paths.logsSocketBefore, paths.logsSocket)
    },
  }
}

/** What is written stays. */
export async function removeFollower(signal: AbortSignal): Promise<void> {
  if ((await findFollower(signal)) === null) return
  await engine.json({ method: 'POST', path: `/containers/${name}/stop`, query: { t: stopSeconds } }, signal)
  await engine.json({ method: 'DELETE', path: `/containers/${name}`, query: { force: true } }, signal)
}

export async function followerIsThere(signal: AbortSignal): Promise<boolean> {
  return (await findFollower(signal)) !== null
}

const health = z.object({ stopped: z.string().nullable(), environments: z.array(z.string()) })

/** For the doctor: whether it writes. That it runs is said by the step. */
export async function checkRetainedLogs(signal: AbortSignal): Promise<string | Obstacle[]> {
  const answer = health.safeParse(await askSocket(paths.logsSocket, '/health', signal))
  if (!answer.success) return 'not asked: it needs the log follower'
  const { stopped, environments } = answer.data
  if (stopped === null) return `of ${environments.length} environments`
  return [
    {
      what: `nothing new is kept: ${stopped}`,
      next: 'lading clean; what fills the disk: du -xh --max-depth=3 /var/lib | sort -h | tail -20',
    },
  ]
}

/** What the container is made of. It sees the engine's logs and writes its own folder, and has no network. */
export function followerJson(decisions: Decisions, root: string) {
  const containers = `${root}/containers`
  const may = privileges.logs
  const bind = (Source: string, ReadOnly: boolean) => ({ Type: 'bind', Source, Target: Source, ReadOnly })
  return {
    Image: decisions.images['control']?.id ?? '',
    Cmd: ['node', '--max-semi-space-size=2', '/opt/lading/follower.js'],
    Labels: { ...platformLabels, [label.environment]: 'production', [label.type]: 'logs' },
    Env: [
      `LADING_STATE_DIR=${paths.logs}`,
      `LADING_RUN_DIR=${paths.logsRun}`,
      `LADING_ROUTER_DIR=${paths.routerRun}`,
      `LADING_CONTAINERS=${containers}`,
    ],
    HostConfig: {
      NetworkMode: may.network,
      RestartPolicy: { Name: 'always' },
      Init: true,
      ReadonlyRootfs: may.readOnlyRoot,
      CapDrop: may.capDrop,
      SecurityOpt: may.securityOpt,
      Memory: 256 * MiB,
      PidsLimit: defaults.pids,
      Mounts: [
        // Without what is mounted below it: a container's shm would stay for as long as this one runs.
        { ...bind(containers, true), BindOptions: { NonRecursive: true } },
        ...may.mounts.map(({ source, readOnly }) => bind(source, readOnly)),
      ],
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(defaults.logBytes), 'max-file': String(defaults.logFiles) },
      },
    },
  }
}

async function specOf(decisions: Decisions, signal: AbortSignal): Promise<string> {
  return createHash('sha256')
    .update(JSON.stringify(followerJson(decisions, await engineRoot(signal))))
    .digest('hex')
    .slice(0, 16)
}

const info = z.object({ DockerRootDir: z.string() })

async function engineRoot(signal: AbortSignal): Promise<string> {
  return info.parse(await engine.json({ method: 'GET', path: '/info' }, signal)).DockerRootDir
}

const view = z.object({
  State: z.object({ Running: z.boolean() }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
})

async function findFollower(signal: AbortSignal) {
  const found = await find({ method: 'GET', path: `/containers/${name}/json` }, signal)
  return found === null ? null : view.parse(found)
}
