import type { Bar } from '../../../bench/framework/bar.ts'
import type { Row } from '../../../bench/framework/result.ts'
import { outages, type Outage, type Survival } from './outages.ts'

/** U3: everything is back in under a minute after the engine. */
const limitSeconds = 60

/** A row for each kind of outage, and the longest of all as the bar. */
export function rowsAndBars(survivals: readonly Survival[]): { rows: readonly Row[]; bars: readonly Bar[] } {
  const seconds = (outage: Outage): number[] =>
    survivals.filter(one => one.outage === outage).map(({ recovery }) => recovery.allMs / 1000)
  const met = outages.filter(outage => seconds(outage).length > 0)
  return {
    rows: met.map(outage => ({ what: `${outage}: engine answers → all answer`, unit: 's', values: seconds(outage) })),
    bars: met.map(outage => ({
      id: `U13.${outage.replaceAll(' ', '-')}`,
      what: `${outage}: everything answers after the engine, the longest`,
      value: Math.max(...seconds(outage)),
      limit: limitSeconds,
      unit: 's',
      direction: 'at most',
    })),
  }
}
