/* eslint-disable no-restricted-globals, no-restricted-imports, no-restricted-properties -- the one adapter */
import { randomBytes } from 'node:crypto'
import { setTimeout as timer } from 'node:timers/promises'
import type { Clock, Ids } from './clock.ts'

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
