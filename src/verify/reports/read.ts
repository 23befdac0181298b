import type { TestCounts } from '../../core/release.ts'
import { readJunit } from './junit.ts'
import { readTap } from './tap.ts'

/** A report by what it looks like; null: nothing could be read of it. */
export function readReport(text: string): TestCounts | null {
  return /^\uFEFF?\s*</.test(text) ? readJunit(text.replace(/^\uFEFF?\s*/, '')) : readTap(text)
}
