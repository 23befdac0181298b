import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { systemClock } from '../../core/system.ts'
import { StepProgress } from './progress.ts'
import { runSteps, type Step } from './steps.ts'

function screen() {
  const written: string[] = []
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk.toString())
      done()
    },
  })
  return { progress: new StepProgress(out as NodeJS.WriteStream, systemClock), text: () => written.join('') }
}

/** A step whose work is one flag. */
function step(title: string, state: { done: boolean; acted: number }, act?: () => void): Step {
  return {
    title,
    check: () => Promise.resolve(state.done ? 'there' : null),
    act: () => {
      state.acted++
      act?.()
      state.done = true
      return Promise.resolve()
    },
  }
}

const { signal } = new AbortController()

test('a step that is done is not done again', async () => {
  const state = { done: false, acted: 0 }
  const { progress, text } = screen()
  await runSteps([step('one', state)], progress, signal)
  await runSteps([step('one', state)], progress, signal)
  assert.equal(state.acted, 1)
  assert.match(text(), /✓ one .* there\n[^]*· one .* there\n/)
})

test('a failing step is marked and ends the run; those after it are not begun', async () => {
  const [first, second] = [
    { done: false, acted: 0 },
    { done: false, acted: 0 },
  ]
  const failing = step('first', first, () => {
    throw new Error('no mirror')
  })
  const { progress, text } = screen()
  await assert.rejects(runSteps([failing, step('second', second)], progress, signal), /no mirror/)
  assert.equal(second.acted, 0)
  assert.match(text(), /✗ first/)
})

test('a failure says what to do: its own hint, else which step it was and that the same command goes on', async () => {
  const failing = (error: Error) =>
    step('keeper', { done: false, acted: 0 }, () => {
      throw error
    })
  const own = new AppError('no-room', 'the disk is full', { hint: 'Clear it.', details: ['/var/lib'] })
  await assert.rejects(runSteps([failing(own)], screen().progress, signal), own)
  await assert.rejects(
    runSteps([failing(new AppError('unavailable', 'no answer', { details: ['log'] }))], screen().progress, signal),
    (error: AppError) =>
      error.code === 'unavailable' &&
      error.details.join() === 'log' &&
      /the step "keeper"\. Run the same command again/.test(error.hint ?? ''),
  )
})

test('an act that leaves its check unfulfilled is an error, not a success', async () => {
  const lying: Step = { title: 'lying', check: () => Promise.resolve(null), act: () => Promise.resolve() }
  await assert.rejects(runSteps([lying], screen().progress, signal), /ended without its result/)
})
