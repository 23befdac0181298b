import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../core/system.ts'
import { parseRunId } from '../core/names.ts'
import type { RunLine, Store } from '../store/store.ts'
import { RunProgress } from './progress.ts'

const run = parseRunId('run00001')

test('a line that the store did not take is told to who waits, lost to no one, and no crash', async () => {
  const taken: string[] = []
  let full = true
  const store: Pick<Store, 'appendLines'> = {
    appendLines: async (_run, lines: readonly RunLine[]) => {
      if (full) throw new Error('database or disk is full')
      taken.push(...lines.map(({ text }) => text))
    },
  }
  const progress = new RunProgress(store as Store, systemClock)
  progress.say(run, 'first')
  await assert.rejects(progress.flush(run), /disk is full/)
  progress.say(run, 'second')
  await assert.rejects(progress.flush(run), /disk is full/)
  full = false
  progress.say(run, 'third')
  await progress.flush(run)
  assert.deepEqual(taken, ['first', 'second', 'third'])
})
