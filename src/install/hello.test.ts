import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { createOrConnect } from './hello.ts'

const taken = new AppError('internal', 'lading create exited 5', { details: ['lading: the name hello is taken'] })

/** The command line where the app is there already, and what it was asked. */
function whereItIsThere() {
  const asked: string[] = []
  const lading = (verb: 'create' | 'connect') => {
    asked.push(verb)
    return verb === 'create' ? Promise.reject(taken) : Promise.resolve('')
  }
  return { asked, lading }
}

test('the app of a run that was killed is connected, whatever of the connection is there', async () => {
  const { asked, lading } = whereItIsThere()
  await createOrConnect(lading, { isAgain: true })
  assert.deepEqual(asked, ['create', 'connect'])
})

test("an app of that name that is somebody else's gets no push", async () => {
  const { asked, lading } = whereItIsThere()
  await assert.rejects(createOrConnect(lading, { isAgain: false }), { code: 'conflict', hint: /--no-hello/ })
  assert.deepEqual(asked, ['create'])
})

test('another failure of create is told as it is', async () => {
  const dead = new AppError('internal', 'lading create exited 6', { details: ['lading: nobody answers'] })
  await assert.rejects(
    createOrConnect(() => Promise.reject(dead), { isAgain: true }),
    dead,
  )
})
