import { judgeCuts, type LoadReport } from '../test/e2e/load/report.ts'
import type { Row } from './framework/result.ts'

/** The drain limit less a second: a switch is seen by its first answer, which comes after the switch. */
const DRAIN_MS = 29_000
/** A generator that is later than this did not send what it should have sent. */
const LATE_MS = 50

/** Requests that failed, and WebSockets that were cut before the drain limit of a switch (times: ms since the epoch). */
export function failedOf(report: LoadReport, switches: readonly number[]): number {
  const failed = report.streams.reduce((sum, stream) => sum + stream.failed, 0)
  const cut = report.streams.reduce((sum, stream) => sum + judgeCuts(stream, switches, DRAIN_MS).length, 0)
  return failed + cut
}

export function lossRows(report: LoadReport): readonly Row[] {
  return report.streams.flatMap(({ name, latency, failed }) => [
    { what: `${name}: failed`, unit: 'failed', values: [failed] },
    { what: `${name}: p99`, unit: 'ms', values: [latency.p99] },
  ])
}

export function lossNotes(report: LoadReport, failed: number): readonly string[] {
  const causes = report.streams.flatMap(({ name, failedBy }) =>
    Object.entries(failedBy).map(([cause, count]) => `${name}: ${count} × ${cause}`),
  )
  const late = report.latestMs > LATE_MS ? ': the machine was too busy for a true open loop' : ''
  return [
    ...(failed > 0 ? [`Causes: ${causes.join('; ') || 'WebSockets cut early'}.`] : []),
    `The generator was at most ${report.latestMs.toFixed(0)} ms late${late}.`,
  ]
}
