import { z } from 'zod'
import { label } from '../../core/labels.ts'
import { systemClock } from '../../core/system.ts'
import { swarmState } from '../swarm/swarm-state.ts'
import { engine, engineAnswers, filters } from '../swarm/engine-call.ts'
import { followerIsThere, removeFollower } from '../platform/follower.ts'
import { listKeepers, removeKeeper } from '../platform/keeper.ts'
import type { Step } from '../steps/steps.ts'
import { nodeAvailability, setNodeAvailability } from '../swarm/swarm.ts'
import { waitFor } from '../steps/waiting.ts'

/**
 * Stops all that is ours on this node and keeps every byte: Swarm's tasks go with the node's availability, what we
 * started by hand by its label. `lading up` brings all of it back as it was.
 */
export function downSteps(): Step[] {
  return [drain(), oneOffs(), keepers(), follower()]
}

const taskLabel = 'com.docker.swarm.task.id'

function drain(): Step {
  const isDrained = async (signal: AbortSignal) =>
    !(await isOurs(signal)) ||
    ((await nodeAvailability(signal)) === 'drain' && (await running(taskLabel, signal)).length === 0)
  return {
    title: 'apps and control plane',
    check: async signal => ((await isDrained(signal)) ? 'stopped' : null),
    act: async (say, signal) => {
      await setNodeAvailability('drain', signal)
      say('waiting for them to end')
      const ended = async () => ((await isDrained(signal)) ? true : null)
      const what = {
        title: 'some containers do not end',
        seconds: 120,
        hint: 'Why: docker logs NAME. To end one at once: docker kill NAME. Then run "lading down" again.',
        details: async () => (await running(taskLabel, signal)).map(container => container.name),
      }
      await waitFor(what, ended, { clock: systemClock, signal })
    },
  }
}

/** Builder, release phases, one-offs. */
function oneOffs(): Step {
  const ours = async (signal: AbortSignal) =>
    (await running(label.role, signal)).filter(({ type }) => type !== 'keeper' && type !== 'logs')
  return {
    title: 'builder and one-offs',
    check: async signal => ((await ours(signal)).length === 0 ? 'stopped' : null),
    act: async (_say, signal) => {
      for (const { id } of await ours(signal)) {
        await engine.json({ method: 'POST', path: `/containers/${id}/stop`, query: { t: 10 } }, signal)
      }
    },
  }
}

function keepers(): Step {
  return {
    title: 'keeper and edge',
    check: async signal => ((await engineAnswers(signal)) && (await listKeepers(signal)).length > 0 ? null : 'stopped'),
    act: async (_say, signal) => {
      for (const keeper of await listKeepers(signal)) await removeKeeper(keeper.id, signal)
    },
  }
}

/** The last: it keeps what the others say at their end. */
function follower(): Step {
  return {
    title: 'log follower',
    check: async signal => ((await engineAnswers(signal)) && (await followerIsThere(signal)) ? null : 'stopped'),
    act: (_say, signal) => removeFollower(signal),
  }
}

export async function isOurs(signal: AbortSignal): Promise<boolean> {
  return (await engineAnswers(signal)) && (await swarmState(signal)) === 'ours'
}

const containers = z.array(
  z.object({ Id: z.string(), Names: z.array(z.string()), Labels: z.record(z.string(), z.string()) }),
)

interface Running {
  readonly id: string
  readonly name: string
  readonly type: string | undefined
}

/** Running containers that carry the label. */
async function running(name: string, signal: AbortSignal): Promise<Running[]> {
  if (!(await engineAnswers(signal))) return []
  const query = filters({ label: [name] })
  const list = containers.parse(await engine.json({ method: 'GET', path: '/containers/json', query }, signal))
  return list.map(({ Id, Names, Labels }) => ({
    id: Id,
    name: (Names[0] ?? Id).replace(/^\//, ''),
    type: Labels[label.type],
  }))
}
