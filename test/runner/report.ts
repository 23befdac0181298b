import { relative } from 'node:path'
import process from 'node:process'
import type { FileResult } from './phase.ts'
import { rings, type RingName } from './rings.ts'

/** A file, and its second run where the first failed. */
export interface Attempts {
  readonly first: FileResult
  readonly second?: FileResult
}

export interface Run {
  /** Null: files that someone named. */
  readonly ring: RingName | null
  readonly results: readonly Attempts[]
  readonly seconds: number
  /** Where the evidence of failures lies. */
  readonly folder: string
  readonly highestLoad: number
}

/** A run with more of them is red: that is no accident any more. */
const mostFlaky = 2

/**
 * Prints the files by their time against the ring's budget, what was flaky, what failed, and the runner's own count last;
 * returns the exit code.
 */
export function judge(run: Run): number {
  const { lines, code } = report(run)
  process.stdout.write(`\n${lines.join('\n')}\n`)
  return code
}

/** What `judge` prints, and the exit code: 1 when a file failed, twice if it may be repeated, or too many were flaky. */
export function report({ ring, results, seconds, folder, highestLoad }: Run): { lines: string[]; code: number } {
  const flaky = results.filter(({ first, second }) => first.failed > 0 && second?.failed === 0)
  const failed = results.filter(({ first, second }) => (second ?? first).failed > 0)
  const lines = table(results)
  if (ring !== null) lines.push(budgetLine(ring, seconds, highestLoad))
  for (const { first } of flaky) lines.push(`flaky: ${name(first)}: ${first.firstFailure}`)
  for (const { first, second } of failed) {
    lines.push(`✖ failed: ${name(first)}: ${first.firstFailure}${second ? ` (again: ${second.firstFailure})` : ''}`)
  }
  if (flaky.length > mostFlaky) lines.push(`✖ ${flaky.length} files were flaky; ${mostFlaky} are forgiven`)
  if (flaky.length + failed.length > 0) lines.push(`logs: ${folder}`)
  const last = results.map(({ first, second }) => second ?? first)
  const sum = (count: (result: FileResult) => number) => last.reduce((total, result) => total + count(result), 0)
  lines.push(
    `# tests ${sum(({ tests }) => tests)}`,
    `# pass ${sum(({ passed }) => passed)}`,
    `# fail ${sum(({ failed }) => failed)}`,
    `# skipped ${sum(({ skipped }) => skipped)}`,
    `# duration_ms ${Math.round(seconds * 1000)}`,
  )
  return { lines, code: failed.length > 0 || flaky.length > mostFlaky || results.length === 0 ? 1 : 0 }
}

/** The slowest first; those below a second are one line. */
function table(results: readonly Attempts[]): string[] {
  const time = ({ first, second }: Attempts) => first.seconds + (second?.seconds ?? 0)
  const slow = results.filter(result => time(result) >= 1).toSorted((a, b) => time(b) - time(a))
  const rest = results.filter(result => time(result) < 1).reduce((total, result) => total + time(result), 0)
  const lines = slow.map(result => `${time(result).toFixed(1).padStart(8)} s  ${name(result.first)}`)
  return ['time by file', ...lines, `${rest.toFixed(1).padStart(8)} s  ${results.length - slow.length} others`]
}

function budgetLine(ring: RingName, seconds: number, highestLoad: number): string {
  const { command, budgetMinutes } = rings[ring]
  const took = `${command}: ${(seconds / 60).toFixed(1)} min, highest load ${highestLoad}`
  if (budgetMinutes === null) return took
  const isOver = seconds > budgetMinutes * 60
  return `${took}, budget ${budgetMinutes} min${isOver ? ': OVER ITS BUDGET, move the slowest one ring out' : ''}`
}

function name({ file }: FileResult): string {
  return relative(process.cwd(), file)
}
