import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import process from 'node:process'

/** What one test file came to. */
export interface FileResult {
  readonly file: string
  readonly seconds: number
  readonly tests: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Name and error of the first test that failed; null: none did. */
  readonly firstFailure: string | null
  /** All that the file and its programs printed. */
  readonly output: string
}

export interface PhaseOptions {
  /** Begun in this order. */
  readonly files: readonly string[]
  /** How many files run at a time. */
  readonly concurrency?: number
  readonly signal: AbortSignal
}

/** So long a test may take that waits for something that never comes (ms). No promise about time: those go to the bench. */
const patienceMs = 30 * 60_000

interface Failure {
  readonly name: string
  readonly file?: string
  readonly nesting: number
  readonly details: { readonly error: TestError }
}

/** Runs test files, each in a process of its own, and tells what each came to; prints as it goes. */
export async function runFiles({ files, concurrency = availableParallelism(), signal }: PhaseOptions) {
  const results = new Map<string, FileResult>()
  const failures = new Map<string, string>()
  const output = new Map<string, string[]>()
  if (files.length === 0) return []
  const say = (file: string | undefined, text: string) => {
    if (file === undefined) return
    const lines = output.get(file) ?? []
    output.set(file, lines)
    lines.push(text)
  }
  const stream = run({ files: [...files], concurrency, timeout: patienceMs, signal })
  stream.on('test:stdout', ({ file, message }) => say(file, message))
  stream.on('test:stderr', ({ file, message }) => say(file, message))
  stream.on('test:diagnostic', ({ file, message }) => say(file, `${message}\n`))
  stream.on('test:pass', ({ file, name, nesting }) => say(file, `${'  '.repeat(nesting)}pass ${name}\n`))
  stream.on('test:fail', (failure: Failure) => {
    const file = failure.file ?? failure.name
    const message = `${failure.name}: ${reasonOf(failure.details.error)}`
    say(file, `${'  '.repeat(failure.nesting)}FAIL ${message}\n`)
    if (!failures.has(file) && !/\d+ subtests? failed/.test(message)) failures.set(file, message)
    // A file that dies before its tests has no summary of its own.
    if (!results.has(file)) results.set(file, died(file))
  })
  stream.on('test:summary', ({ file, duration_ms, counts }) => {
    if (file === undefined) return
    const { tests, passed, skipped } = counts
    results.set(file, {
      ...died(file),
      seconds: duration_ms / 1000,
      tests,
      passed,
      skipped,
      failed: tests - passed - skipped - counts.todo,
    })
  })
  stream.pipe(new spec()).pipe(process.stdout, { end: false })
  await new Promise(resolve => stream.once('end', resolve))
  return [...results.values()].map(result => ({
    ...result,
    // What fails beside its tests, a hook or the process itself, is not in the counts of a file.
    failed: Math.max(result.failed, failures.has(result.file) ? 1 : 0),
    firstFailure: failures.get(result.file) ?? (result.failed > 0 ? 'it ended before its tests did' : null),
    output: (output.get(result.file) ?? []).join(''),
  }))
}

function died(file: string): FileResult {
  return { file, seconds: 0, tests: 1, passed: 0, failed: 1, skipped: 0, firstFailure: null, output: '' }
}

interface TestError extends Error {
  readonly cause?: unknown
  /** Of a test file's process. */
  readonly exitCode?: number | null
  readonly signal?: string | null
}

/** Beginning and end of an error: a program's says what was called first and why it ended last. */
function reasonOf(error: TestError): string {
  if (error.signal) return `its process was ended by ${error.signal}`
  if (error.exitCode) return `its process ended with exit code ${error.exitCode}`
  const inner = error.cause instanceof Error ? error.cause : error
  const lines = (inner.message || inner.name).split('\n').filter(line => line.trim() !== '')
  const [first = '', ...rest] = lines.map(line => line.trim().slice(0, 200))
  return [first, ...(rest.length > 3 ? ['…', ...rest.slice(-3)] : rest)].join(' ')
}
