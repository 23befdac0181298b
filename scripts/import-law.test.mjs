import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importsOf, violations } from './import-law.mjs'

test('imports of every form are seen, and comments are not', () => {
  const source = `import a from './a.ts'
import type { B } from './b.ts'
import {
  c,
  type D,
} from '../c.ts'
import './e.ts'
export { f } from './f.ts'
// import g from './g.ts'
/* import h from './h.ts' */`
  assert.deepEqual(
    importsOf(source).map(({ from, isType }) => `${from} ${isType}`),
    ['./a.ts false', './b.ts true', '../c.ts false', './e.ts false', './f.ts false'],
  )
})

const lawful = [
  ['src/core/run.ts', `import type { RunState } from './states.ts'`],
  ['src/core/secret.ts', `import { inspect } from 'node:util'`],
  ['src/core/system.ts', `import { setTimeout } from 'node:timers/promises'`],
  ['src/core/limits.ts', `import { GiB } from '../lib/format.ts'`],
  ['src/lib/async/wakeup.ts', `import type { Clock } from '../../core/clock.ts'`],
  ['src/lib/async/retry.ts', `import { isPassing } from '../../core/errors.ts'`],
  ['src/lib/async/mutex.ts', `import { withAbort } from './abort.ts'`],
  ['src/lib/files.ts', `import { open } from 'node:fs/promises'`],
  ['src/build/progress.ts', `import { LineSplitter } from '../lib/async/lines.ts'`],
  ['src/rollout/spec.ts', `import type { ServiceSpec } from '../docker/engine.ts'`],
  ['src/build/build.ts', `import type { Repositories } from '../commit/repository.ts'`],
  ['src/pipeline/built-commit.ts', `import { judgeMove } from '../commit/repository.ts'`],
  ['src/pipeline/run-stages.ts', `import { startRelease } from '../rollout/roll-out.ts'`],
  ['src/server/main.ts', `import { SwarmEngine } from '../docker/swarm-engine.ts'`],
  ['src/server/config.ts', `const port = process.env.PORT`],
  ['src/rollout/spec.test.ts', `import { FakeCluster } from '../../test/doubles/engine.ts'`],
]
const broken = [
  ['src/core/run.ts', `import { readFile } from 'node:fs/promises'`],
  ['src/core/run.ts', `import type { Store } from '../store/store.ts'`],
  ['src/core/bill.ts', `import { readIfThere } from '../lib/files.ts'`],
  ['src/lib/async/retry.ts', `import { systemClock } from '../../core/system.ts'`],
  ['src/lib/async/retry.ts', `import type { Store } from '../../store/store.ts'`],
  ['src/lib/async/lines.ts', `import { createReadStream } from 'node:fs'`],
  ['src/rollout/spec.ts', `import { receive } from '../commit/receive/receive.ts'`],
  ['src/pipeline/run-stages.ts', `import { receive } from '../commit/receive/receive.ts'`],
  ['src/pipeline/run-stages.ts', `import type { GitProgram } from '../commit/git/program.ts'`],
  ['src/rollout/spec.ts', `import type { Sealed } from '../release/make-release.ts'`],
  ['src/rollout/spec.ts', `import { SwarmEngine } from '../docker/swarm-engine.ts'`],
  ['src/build/build.ts', `import { Repositories } from '../commit/repository.ts'`],
  ['src/api/api.ts', `import { main } from '../server/main.ts'`],
  ['src/api/api.ts', `import { FakeCluster } from '../../test/doubles/engine.ts'`],
  ['src/cli/main.ts', `import { main } from '../server/main.ts'`],
  ['src/store/sqlite.ts', `const path = process.env.HOME`],
]
for (const [path, source] of lawful) {
  test(`${path} may: ${source}`, () => assert.deepEqual(violations(path, source), []))
}
for (const [path, source] of broken) {
  test(`${path} may not: ${source}`, () => assert.equal(violations(path, source).length, 1))
}
