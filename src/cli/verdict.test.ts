import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRunId } from '../core/names.ts'
import type { StepVerdict } from '../core/release.ts'
import { graphLines } from './verdict.ts'

test('the graph says of each step how it ended, what it came after, and which tests failed', () => {
  const plain = { needs: [], how: '', mayFail: false, attempts: 1, seconds: 1.23, counts: null } as const
  const steps: readonly StepVerdict[] = [
    { ...plain, name: 'lint', state: 'remembered', passedIn: parseRunId('run00000001') },
    { ...plain, name: 'types', state: 'passed', attempts: 2, seconds: 125 },
    {
      ...plain,
      name: 'unit',
      needs: ['lint', 'types'],
      state: 'failed',
      how: 'exited 1',
      counts: { passed: 3, failed: 1, skipped: 2, failures: ['cart › empties'] },
    },
    { ...plain, name: 'e2e', needs: ['unit'], state: 'not-run', how: 'needs unit, which failed' },
  ]
  assert.deepEqual(graphLines({ outcome: 'failed', sentence: 'unit failed', steps }), [
    'Verify: unit failed',
    '  ✓ lint passed before, in run run00000001: not run again',
    '  ✓ types passed at attempt 2: flaky, 2 min 5 s',
    '  ✗ unit failed: exited 1 (4 tests, 1 failed, 2 skipped), 1.2 s   (after lint, types)',
    '      failed test: cart › empties',
    '  ✗ e2e was not run: needs unit, which failed   (after unit)',
  ])
  assert.deepEqual(graphLines(null), [])
  assert.deepEqual(graphLines({ outcome: 'nothing-tested', sentence: 'Nothing was tested.' }), [])
})
