import type { ProcessDocument, ReleaseDocument } from '../api/documents.ts'
import type { Run } from '../core/run.ts'

/** `2026-11-24 13:14`, in the reader's time zone. */
export function when(milliseconds: number): string {
  const date = new Date(milliseconds)
  const two = (number: number) => String(number).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** `2026-11-24` */
export function day(milliseconds: number): string {
  return when(milliseconds).slice(0, 10)
}

export function short(commit: string | null): string {
  return commit?.slice(0, 7) ?? ''
}

export function whatIs({ intent }: Run): string {
  switch (intent.kind) {
    case 'commit':
      return `Deploy ${short(intent.commit)}`
    case 'rollback':
      return `${intent.automatic ? 'Automatic rollback' : 'Rollback'} to v${intent.to}`
    case 'config':
      return intent.summary
    case 'scale':
      return `Scale ${formation(intent.formation)}`
    case 'restore':
      return `Restore v${intent.to}`
  }
}

export function formation(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([type, count]) => `${type}=${count}`)
    .join(' ')
}

/** What became of a release, in a word or a sentence. */
export function outcome({ serving, state, reason }: ReleaseDocument): string {
  if (serving) return 'serving'
  if (state === 'settled' || state === 'live') return 'was live'
  if (state === null) return ''
  return reason === null ? state : `${state}: ${reason}`
}

/** A process in one word: running is not yet serving. */
export function processState({ type, state, proof }: ProcessDocument): string {
  if (state !== 'running') return state
  if (proof === 'checking') return 'starting'
  if (proof === 'down') return 'down'
  return type === 'web' && proof === 'none' ? 'not served' : 'up'
}

export function bytes(size: number): string {
  if (size < 1e3) return `${size} B`
  const [unit, name] = size >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB']
  return `${(size / unit).toFixed(1)} ${name}`
}
