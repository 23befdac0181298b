import type { Bench } from './bench.ts'
import { buildNeighbour } from './benches/build-neighbour.ts'
import { days } from './benches/days.ts'
import { edge } from './benches/edge.ts'
import { hardProcesses } from './benches/hard-processes.ts'
import { logFollower } from './benches/log-follower.ts'
import { manyEnvironments } from './benches/many-environments.ts'
import { memory } from './benches/memory.ts'
import { noDrop } from './benches/no-drop.ts'
import { push } from './benches/push.ts'
import { reboot } from './benches/reboot.ts'
import { releases } from './benches/releases.ts'
import { simulation } from './benches/simulation.ts'

/** In the order they run: what is timed first, while the host is fresh; memory after all the deploys, and what fills the host last. */
export const benches: readonly Bench[] = [
  simulation,
  push,
  releases,
  edge,
  noDrop,
  hardProcesses,
  buildNeighbour,
  logFollower,
  memory,
  reboot,
  days,
  manyEnvironments,
]
