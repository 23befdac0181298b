import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publicRegistry } from './public-registry.ts'

function scripted(...answers: readonly (number | Error)[]) {
  const facts = { now: 0, asked: 0, log: [] as string[] }
  const outside = publicRegistry({
    clock: { monotonic: () => facts.now },
    fetch: async () => {
      const answer = answers[facts.asked++]
      if (typeof answer !== 'number') throw answer ?? new Error('asked too often')
      return { status: answer }
    },
    log: (sentence, { error }) => facts.log.push(`${sentence}: ${error}`),
  })
  const at = (seconds: number) => {
    facts.now = seconds * 1000
    return outside()
  }
  return { at, facts }
}

test('a yes and a no are believed for a minute each, and then asked for again', async () => {
  const { at, facts } = scripted(401, new Error('timed out'), 200)
  assert.deepEqual([await at(0), await at(59), facts.asked], [true, true, 1])
  assert.deepEqual([await at(60), await at(119), facts.asked], [false, false, 2])
  assert.deepEqual([await at(120), facts.asked], [true, 3])
  assert.deepEqual(facts.log, ['no public registry in reach: timed out'])
})

test('two builds that ask at once ask once', async () => {
  const { at, facts } = scripted(401)
  assert.deepEqual(await Promise.all([at(0), at(0)]), [true, true])
  assert.equal(facts.asked, 1)
})
