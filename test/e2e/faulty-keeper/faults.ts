import { systemClock } from '../../../src/core/system.ts'
import { DockerHttp } from '../../../src/docker/http.ts'
import type { KeeperFaults } from '../../../src/keeper/keeper.ts'
import { usedAt } from '../../../src/proxy/admission.ts'
import { planLane } from '../../../src/proxy/slots.ts'
import { admitTasks } from './swarm-tasks.ts'

export type Fault = keyof typeof faults

/** Planted faults: test/e2e/wrong-app.e2e.ts must find each of them. */
export const faults = {
  /** Addresses from Swarm's task list, not from the engine that runs the container. */
  'swarm-tasks': {
    admit: (admission, { engineSocket, clusterAddress }, signal) => {
      const engine = new DockerHttp({ socketPath: engineSocket })
      return admitTasks({ engine, clusterAddress, clock: systemClock, admission }, signal)
    },
  },
  /** Slots are used again at once, and one passed check of whoever listens is proof. */
  unrested: { plan: view => planLane({ ...view, now: Infinity }), worth: usedAt },
  /** `ready`, then `health down`, without `weight 0`: a slot takes visitors between the two. */
  'full-weight': {
    change: async (runtime, commands) => {
      for (const command of commands) if (!command.endsWith('weight 0')) await runtime.change([command])
    },
  },
} satisfies Readonly<Record<string, KeeperFaults>>
