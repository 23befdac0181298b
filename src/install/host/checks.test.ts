import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { isOldEngine, lookAtAll, requireAll, type Check } from './checks.ts'

const forever = new AbortController().signal
const finds = (found: Awaited<ReturnType<Check['look']>>): Check => ({ title: '', look: () => Promise.resolve(found) })

test('all that stands in the way is said at once, each with what to do about it', async () => {
  const checks = [
    finds('much room'),
    finds([{ what: 'port 80 is taken', next: 'Stop it.' }]),
    finds([{ what: 'the clock is behind', next: 'Set it.' }]),
  ]
  await assert.rejects(requireAll(checks, forever), (error: AppError) => {
    assert.equal(error.code, 'conflict')
    assert.deepEqual(error.details, ['port 80 is taken', '  Stop it.', 'the clock is behind', '  Set it.'])
    return true
  })
  const reported = (fact: string): Check => ({ ...finds(fact), isReported: true })
  assert.equal(
    await requireAll([finds('a kernel'), reported('much room'), reported('memory')], forever),
    'much room, memory',
  )
})

test('engines before 20.10 are too old, by the numbers of their version', () => {
  for (const old of ['19.03.15', '1.13.1', '20.9.0', '18.09.1+dfsg1']) assert.ok(isOldEngine(old), old)
  for (const good of ['20.10.24+dfsg1', '26.1.5+dfsg1', '28.0.0-rc.1', 'dev']) assert.ok(!isOldEngine(good), good)
})

test('a check that fails is one line, and does not hide the others', async () => {
  const fails: Check = { title: 'images', look: () => Promise.reject(new Error('ENOENT: dist/keeper.js')) }
  const refuses: Check = {
    title: 'swarm',
    look: () => Promise.reject(new AppError('unavailable', 'it is locked', { hint: 'Unlock it.' })),
  }
  const found = await lookAtAll([fails, refuses, finds('well')], null, forever)
  assert.deepEqual(
    found.map(({ fact, obstacles }) => fact ?? obstacles.map(({ what, next }) => `${what} → ${next}`).join()),
    [
      'could not be looked at: Error: ENOENT: dist/keeper.js → lading up, if nothing else below says what to do',
      'could not be looked at: it is locked → Unlock it.',
      'well',
    ],
  )
  await assert.rejects(lookAtAll([fails], null, AbortSignal.abort(new Error('stopped'))), /stopped/)
})
