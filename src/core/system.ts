/* eslint-disable no-restricted-globals, no-restricted-imports, no-restricted-properties -- the one adapter */
import { randomBytes } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as timer } from 'node:timers/promises'
import type { Clock, Ids, LoopDelay } from './clock.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await timer(ms, undefined, signal ? { signal } : {})
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    }
  },
}

export const systemIds: Ids = {
  runId: () => Date.now().toString(36).padStart(9, '0') + randomBytes(4).toString('hex').slice(0, 5),
  hex: bytes => randomBytes(bytes).toString('hex'),
}

const loopResolutionMs = 10

/** Measures from now on; a timer of 10 ms tells how late it came. */
export function systemLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: loopResolutionMs })
  histogram.enable()
  // What is recorded is the time between two of its timers.
  const late = (nanoseconds: number) => Math.max(0, Math.round(nanoseconds / 1e6 - loopResolutionMs))
  return {
    take: () => {
      const taken = { p99: late(histogram.percentile(99)), worst: late(histogram.max) }
      histogram.reset()
      return taken
    },
  }
}
