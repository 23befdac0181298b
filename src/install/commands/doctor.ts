import { AppError } from '../../core/errors.ts'
import { checkStopped } from '../doctor/apps.ts'
import {
  checkBackups,
  checkDomains,
  checkLoop,
  checkOrphans,
  checkRefused,
  checkRuns,
} from '../doctor/control-plane.ts'
import { checkClock, checkDisk, checkEngineRules, checkWayIn } from '../doctor/machine.ts'
import { checkAuthority, checkDns, checkEdge } from '../doctor/way-in.ts'
import type { Check } from '../host/checks.ts'
import type { Machine } from '../host/machine.ts'
import { checkRetainedLogs } from '../platform/follower.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { engineAnswers } from '../swarm/engine-call.ts'
import { checkEngine } from '../swarm/engine-check.ts'

/** What is looked at, in this order: what `up` makes, step by step, then what it does not make. */
export function doctorChecks(site: Site, machine: Machine, steps: readonly Step[]): readonly Check[] {
  return [
    { title: 'disk', stopsUpgrade: true, look: checkDisk },
    { title: 'clock', stopsUpgrade: true, look: signal => checkClock(machine, signal) },
    { title: 'engine', stopsUpgrade: true, look: signal => checkEngine(machine, signal) },
    { title: 'apps on the disk', look: ifEngine(checkStopped) },
    ...steps.filter(({ isDoctorsOwn }) => !isDoctorsOwn).map(asMade),
    { title: "engine's own rules", stopsUpgrade: true, look: ifEngine(checkEngineRules) },
    { title: 'way in', look: checkWayIn },
    { title: 'edge', stopsUpgrade: true, look: signal => checkEdge(site, signal) },
    { title: 'certificates', stopsUpgrade: true, look: () => checkAuthority() },
    { title: 'domains', look: checkDomains },
    { title: 'DNS', look: signal => checkDns(site, signal) },
    { title: 'kept lines', look: checkRetainedLogs },
    { title: 'backups', look: checkBackups },
    { title: 'event loop', look: checkLoop },
    { title: 'refused by source', look: checkRefused },
    { title: 'runs', stopsUpgrade: true, look: checkRuns },
    { title: 'orphans', look: ifEngine(checkOrphans) },
  ]
}

/** The law of steps: one is done when its check says so. */
function asMade({ title, check, explain }: Step): Check {
  return {
    title,
    look: async signal => {
      try {
        const fact = await check(signal)
        if (fact !== null) return fact
        const known = (await explain?.(signal)) ?? null
        if (known !== null) return known
        return [{ what: 'is missing, or not as this version makes it', next: 'lading up' }]
      } catch (thrown) {
        signal.throwIfAborted()
        if (!(thrown instanceof AppError)) throw thrown
        const { code, message, details, hint } = thrown
        if (code === 'unavailable' && !(await engineAnswers(signal))) return 'not asked: it needs the engine'
        return [{ what: [message, ...details].join('; '), next: hint ?? 'lading up' }]
      }
    },
  }
}

function ifEngine(look: Check['look']): Check['look'] {
  return async signal => ((await engineAnswers(signal)) ? look(signal) : 'not asked: it needs the engine')
}
