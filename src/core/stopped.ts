import { formatAmount } from './limits.ts'
import { label, type Labels } from './labels.ts'

/** That the platform stopped a process type of a release, and why. It stands at its swarm service, with whatever else says what runs. */
export interface Stopped {
  readonly why: 'disk'
  /** What its containers had written when they were stopped. */
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** The label that says it: `disk 1073741824 1764720000000`. */
export function stoppedLabels({ why, bytes, at }: Stopped): Labels {
  return { [label.stopped]: `${why} ${Math.round(bytes)} ${at}` }
}

/** The inverse; null when the labels say nothing of it, or nothing that is understood. */
export function stoppedOf(labels: Labels): Stopped | null {
  const [, bytes, at] = /^disk (\d{1,15}) (\d{1,15})$/.exec(labels[label.stopped] ?? '') ?? []
  return bytes === undefined || at === undefined ? null : { why: 'disk', bytes: Number(bytes), at: Number(at) }
}

/** `web of v3 was stopped by the platform: it had written 1.2 GiB, and the disk was nearly full`. */
export function stoppedSentence(type: string, release: string | number, { bytes }: Stopped): string {
  return `${type} of v${release} was stopped by the platform: it had written ${formatAmount(bytes, 'bytes')}, and the disk was nearly full`
}

/** What its owner does then. */
export const stoppedHint =
  'Write to /tmp (in memory, bounded) or to a backing service; then "lading deploy", "lading rollback" or "lading scale" starts it again.'
