import { isHeld, type Bar } from './bar.ts'
import { digits, median, quantile } from './numbers.ts'
import type { BenchResult, KeptResult, Row } from './result.ts'

const rowHead = ['what', 'n', 'median', 'p95', 'worst', 'unit'] as const
const barHead = ['bar', 'what', 'measured', 'must be', 'held'] as const

function rowCells({ what, values, unit }: Row): readonly string[] {
  if (values.length === 0) return [what, '0', '–', '–', '–', unit]
  const isRate = /\/s$|^ratio/.test(unit)
  const high = isRate ? quantile(values, 0.05) : quantile(values, 0.95)
  const worst = isRate ? Math.min(...values) : Math.max(...values)
  return [what, String(values.length), ...[median(values), high, worst].map(digits), unit]
}

function barCells(bar: Bar): readonly string[] {
  const limit = `${bar.direction === 'at most' ? '≤' : '≥'} ${digits(bar.limit)} ${bar.unit}`
  return [bar.id, bar.what, `${digits(bar.value)} ${bar.unit}`, limit, isHeld(bar) ? 'yes' : 'NO']
}

/** For a terminal: columns padded with spaces. */
export function plainTables({ rows, bars, notes }: BenchResult): string {
  const tables = [plain(rowHead, rows.map(rowCells)), ...(bars.length > 0 ? [plain(barHead, bars.map(barCells))] : [])]
  return [...tables, ...notes.map(note => `· ${note}`)].join('\n\n')
}

function plain(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const all = [head, ...lines]
  const widths = head.map((_, column) => Math.max(...all.map(cells => (cells[column] ?? '').length)))
  return all
    .map(cells =>
      cells
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The file that is kept beside the JSON. */
export function markdown(result: KeptResult): string {
  const machine = Object.entries(result.machine).map(([name, value]) => `- ${name}: ${value}`)
  return [
    `# ${result.bench}: ${result.what}`,
    `${result.date}${result.quick ? ', quick: few rounds, for a first look only' : ''}`,
    table(rowHead, result.rows.map(rowCells)),
    ...(result.bars.length > 0 ? [table(barHead, result.bars.map(barCells))] : []),
    ...(result.notes.length > 0 ? [result.notes.map(note => `- ${note}`).join('\n')] : []),
    ['## Machine', '', ...machine].join('\n'),
    '',
  ].join('\n\n')
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...lines.map(line)].join('\n')
}
