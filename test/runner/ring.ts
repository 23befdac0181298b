import { setPriority } from 'node:os'
import process from 'node:process'
import { rings, type RingName } from './rings.ts'

/** What a test file is told of the run that it is a part of, by its environment; a file that runs by itself is told nothing. */
const environment = {
  ring: process.env['LADING_TEST_RING'],
  histories: process.env['LADING_SIMULATION_COUNT'],
  seed: process.env['LADING_SIMULATION_SEED'],
}

function ring(): RingName {
  const { ring } = environment
  return ring === 'inner' || ring === 'gate' ? ring : 'all'
}

/** Options of a test that `npm run test:all` runs, and `npm test` does not: as true as the others, but slower. */
export const outer: { readonly skip: false | string } = {
  skip: ring() === 'all' ? false : 'in npm run test:all',
}

/** True where everything is run. */
export const runsAll = ring() === 'all'

/** Random histories of this run: how many, and the first seed. */
export function histories(): { readonly count: number; readonly seed: number } {
  return { count: Number(environment.histories ?? rings[ring()].histories), seed: Number(environment.seed ?? 1) }
}

/** Lets the suites on real engines have the cores first: those wait for what they test, this one for no one. */
export function giveWay(): void {
  setPriority(process.pid, 5)
}
