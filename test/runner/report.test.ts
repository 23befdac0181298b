import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanEnvironment } from './environment.ts'
import type { FileResult } from './phase.ts'
import { report, type Attempts } from './report.ts'

const passed = (file: string): FileResult => ({
  file,
  seconds: 2,
  tests: 3,
  passed: 3,
  failed: 0,
  skipped: 0,
  firstFailure: null,
  output: '',
})
const failed = (file: string): FileResult => ({ ...passed(file), passed: 2, failed: 1, firstFailure: 'it broke' })
const flaky = (file: string): Attempts => ({ first: failed(file), second: passed(file) })
const judged = (results: readonly Attempts[], seconds = 60) =>
  report({ ring: 'gate', results, seconds, folder: '/logs', highestLoad: 3 })

test('a ring whose files all passed is green and counts their tests', () => {
  const { lines, code } = judged([{ first: passed('a') }, { first: passed('b') }])
  assert.equal(code, 0)
  assert.deepEqual(lines.slice(-5, -1), ['# tests 6', '# pass 6', '# fail 0', '# skipped 0'])
})

test('a file that fails twice is red, and so is one that must not be repeated', () => {
  for (const one of [{ first: failed('a'), second: failed('a') }, { first: failed('a') }]) {
    const { lines, code } = judged([one, { first: passed('b') }])
    assert.equal(code, 1)
    assert.match(lines.join('\n'), /failed: a: it broke/)
    assert.match(lines.join('\n'), /# fail 1\n/)
  }
})

test('two flaky files are named with their first failures and forgiven, a third is not', () => {
  const two = judged([flaky('a'), flaky('b')])
  assert.equal(two.code, 0)
  assert.match(two.lines.join('\n'), /flaky: a: it broke\nflaky: b: it broke/)
  assert.equal(judged([flaky('a'), flaky('b'), flaky('c')]).code, 1)
})

test('a ring that ran nothing is red', () => {
  assert.equal(judged([]).code, 1)
})

test('a ring over its budget says so and stays green', () => {
  const { lines, code } = judged([{ first: passed('a') }], 21 * 60)
  assert.equal(code, 0)
  assert.match(lines.join('\n'), /OVER ITS BUDGET/)
})

test('tests get no variable that says something about this machine or its user', () => {
  const hostile = {
    PATH: '/bin',
    HOME: '/root',
    NODE_EXTRA_CA_CERTS: '/x',
    GIT_SSL_CAINFO: '/x',
    GIT_DIR: '/y',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    http_proxy: 'http://127.0.0.1:9',
    NODE_OPTIONS: '--no-such-option',
    DOCKER_HOST: 'tcp://127.0.0.1:1',
    LADING_URL: 'https://elsewhere.example',
    LADING_TOKEN: 'secret',
    TZ: 'Asia/Kathmandu',
    LANG: 'de_DE',
    COLUMNS: '20',
    LADING_SIMULATION_COUNT: '7',
  }
  const { HOME, ...rest } = cleanEnvironment(hostile)
  assert.notEqual(HOME, '/root')
  assert.deepEqual(Object.keys(rest).sort(), [
    'GIT_CONFIG_NOSYSTEM',
    'LADING_SIMULATION_COUNT',
    'LANG',
    'NODE_EXTRA_CA_CERTS',
    'NO_COLOR',
    'PATH',
    'TZ',
  ])
  assert.equal(rest.TZ, 'UTC')
})
