import type { TrialResult } from './trial.ts'

const head = ['kill', 'stage', 'row', 'target', 'end', 'git', 'requests', 'failed', 'whole after'] as const

/** One line for each kill. */
export function table(results: readonly TrialResult[]): string {
  const lines = [head, head.map(() => '---'), ...results.map(cells)]
  return lines.map(line => `| ${line.join(' | ')} |`).join('\n')
}

function cells({ moment, seen, ends, gitCode, sent, failedBy, wholeAfterMs }: TrialResult): readonly string[] {
  const failed = Object.entries(failedBy).map(([cause, count]) => `${count} ${cause}`)
  return [
    String(moment.number),
    moment.stage,
    seen,
    moment.target,
    ends.join(', '),
    gitCode === null ? 'killed' : String(gitCode),
    String(sent),
    failed.join(', ') || '0',
    `${(wholeAfterMs / 1000).toFixed(1)} s`,
  ]
}
