import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { parseLadingYaml } from './lading-yaml.ts'

const planOf = (text: string) => parseLadingYaml(text).verify
const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => parseLadingYaml(text),
    (error: unknown) => error instanceof AppError && error.code === 'invalid-input' && message.test(error.message),
  )

test('steps are read, short and long, with a matrix and what they need', () => {
  const plan = planOf(`verify:
  setup: npm run migrate
  steps:
    lint: npm run lint
    unit: { run: npm test, reports: out/junit.xml, matrix: { SHARD: [1, 2] }, retries: 2 }
    e2e:
      run: npm run e2e
      needs: [unit, lint]
      env: { BROWSER: chromium, N: 3, DEBUG: false }
      timeout: 15m
      allow_failure: true
`)
  const plain = { needs: [], env: {}, timeoutSeconds: 600, mayFail: false, retries: 0, reports: null }
  const unit = { ...plain, run: 'npm test', retries: 2, reports: 'out/junit.xml' }
  assert.deepEqual(plan, {
    setup: 'npm run migrate',
    steps: [
      { ...plain, name: 'lint', run: 'npm run lint' },
      { ...unit, name: 'unit (SHARD=1)', env: { SHARD: '1' } },
      { ...unit, name: 'unit (SHARD=2)', env: { SHARD: '2' } },
      {
        ...plain,
        name: 'e2e',
        run: 'npm run e2e',
        needs: ['unit (SHARD=1)', 'unit (SHARD=2)', 'lint'],
        env: { BROWSER: 'chromium', N: '3', DEBUG: 'false' },
        timeoutSeconds: 900,
        mayFail: true,
      },
    ],
  })
  assert.equal(planOf('memory: 1G\n'), null)
})

test('what is wrong in a step is refused with its line and path', () => {
  refused(
    'verify:\n  steps:\n    unit:\n      run: a\n      retry: 2\n',
    /^lading.yaml line 5: verify.steps.unit.retry: this key is not known$/,
  )
  refused(
    'verify:\n  steps:\n    unit:\n      run: a\n      timeout: 9\n',
    /^lading.yaml line 5: verify.steps.unit.timeout: write a time/,
  )
  refused(
    'verify:\n  steps:\n    unit: { needs: [lint], run: a }\n',
    /^lading.yaml line 3: verify.steps.unit.needs: there is no step "lint"$/,
  )
  refused(
    'verify:\n  steps:\n    a: { run: a, needs: [b] }\n    b: { run: b, needs: [a] }\n',
    /line 3: verify.steps.a.needs: steps need each other in a circle/,
  )
  refused('verify:\n  steps:\n    a: { run: a, needs: [a] }\n', /circle/)
  refused('verify:\n  steps:\n    setup: x\n', /verify.steps.setup: a step is named by .*not "setup"/)
  refused('verify:\n  steps:\n    "a b": x\n', /a step is named by/)
  refused('verify:\n  steps:\n    unit: { run: a, reports: "a b" }\n', /write a path in the container, or - for TAP/)
  refused('verify:\n  steps:\n    unit: { run: a, env: { "A-B": 1 } }\n', /write a name of letters/)
  refused('verify:\n  steps:\n    unit: 7\n', /line 3: verify.steps.unit/)
  refused('verify:\n  steps: {}\n', /line 2: verify.steps: name at least one step/)
  refused('verify: {}\n', /verify.steps/)
})

test('services beside steps are refused by name and line, with a sentence', () => {
  refused(
    'verify:\n  steps: { a: b }\n  services: { db: postgres }\n',
    /^lading.yaml line 3: verify.services: services beside steps are not there yet/,
  )
})

test('a matrix of more combinations than there are atoms is refused, at once', () => {
  const values = Array.from({ length: 20 }, (_, n) => n).join(',')
  const matrix = Array.from({ length: 12 }, (_, n) => `V${n}: [${values}]`).join(', ')
  refused(`verify:\n  steps:\n    unit: { run: a, matrix: { ${matrix} } }\n`, /more than 64 steps/)
})
