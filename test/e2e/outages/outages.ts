import process from 'node:process'
import { test } from 'node:test'
import type { Platform } from '../host.ts'
import { evidence } from '../kills/evidence.ts'
import { judge, noTraces, type End } from '../kills/oracles.ts'
import type { Stage } from '../kills/plan.ts'
import { reach } from '../kills/stages.ts'
import type { Recovery, Town } from './town.ts'

/** What the operator or the power company does; each ends with an engine that answers, and the rest is the platform's. */
const acts = {
  reboot: async platform => {
    await platform.host.shutDown()
    await platform.boot()
  },
  'power cut': async platform => {
    await platform.host.power()
    await platform.boot()
  },
  /** `systemctl restart docker` */
  'engine restart': async ({ host }) => {
    await host.stopEngine()
    await host.startEngine()
  },
  /** Containers live on without it. */
  'engine kill': async ({ host }) => {
    await host.killEngine()
    await host.startEngine()
  },
} as const satisfies Record<string, (platform: Platform) => Promise<void>>

export type Outage = keyof typeof acts

export const outages = Object.keys(acts) as readonly Outage[]

/** What is on its way when it strikes; null: nothing is. */
export interface Strike {
  readonly outage: Outage
  readonly stage: Stage | null
}

/** For the suites: each twice, also in the middle of a push, before and after its point of no return. */
export const twiceEach: readonly Strike[] = [
  { outage: 'reboot', stage: null },
  { outage: 'power cut', stage: 'starting' },
  { outage: 'engine restart', stage: null },
  { outage: 'reboot', stage: 'building' },
  { outage: 'power cut', stage: 'warm' },
  { outage: 'engine kill', stage: null },
]

/** For the gate: the machine restarts in the middle of a push. */
export const oneReboot: readonly Strike[] = [{ outage: 'reboot', stage: 'building' }]

export interface Survival extends Strike {
  readonly recovery: Recovery
  /** What became of the pushes that it met. */
  readonly ends: readonly End[]
}

/**
 * One outage, and what must be true after it: everything answers as before, a push that was on its way has ended without
 * a trace or was carried to its end, and the next push works. Rejects when one of these does not hold.
 */
export async function survive(town: Town, { outage, stage }: Strike): Promise<Survival> {
  const { site } = town
  await noTraces(site)
  const moment = { number: 0, target: 'engine', share: 0 } as const
  const reached = stage && (await reach(site, { ...moment, stage }))
  await acts[outage](town.platform)
  const recovery = await town.recovers(performance.now())
  reached?.later()
  const ends: End[] = []
  for (const push of reached?.pushes ?? []) ends.push(await judge(site, push, { ...moment, stage: stage! }, true))
  await site.proves()
  return { outage, stage, recovery, ends }
}

/** A test for each; at the end a line for each on stderr. */
export function survivesAll(town: () => Town, strikes: readonly Strike[]): void {
  for (const strike of strikes) {
    test(`everything comes back by itself: ${storyOf(strike)}`, async () => {
      try {
        process.stderr.write(`${lineOf(await survive(town(), strike))}\n`)
      } catch (error) {
        process.stderr.write(`${await evidence(town().platform.host)}\n`)
        throw error
      }
    })
  }
}

export function storyOf({ outage, stage }: Strike): string {
  return stage === null ? outage : `${outage} while a push is ${stage}`
}

/** `reboot: all answer 6.1 s after the engine, needy.localhost last` */
export function lineOf(survival: Survival): string {
  const { recovery, ends } = survival
  const end = ends.length > 0 ? `; the push ended ${ends.join(', ')}` : ''
  const seconds = (recovery.allMs / 1000).toFixed(1)
  return `${storyOf(survival)}: all answer ${seconds} s after the engine, ${recovery.slowest} last${end}`
}
