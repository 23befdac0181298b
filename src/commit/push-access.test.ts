import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { parseAppName, production } from '../core/names.ts'
import { PushRig } from '../../test/doubles/push-rig.ts'

const robot = {
  kind: 'robot',
  name: 'robot/ci',
  app: parseAppName('shop'),
  environment: production,
  credential: { kind: 'token', id: 'r' },
} as const

test('a deploy token pushes the branch of its environment, and neither another branch nor a tag', async () => {
  await using rig = await PushRig.make()
  rig.principal = robot
  await rig.commit({ a: '1' })
  await rig.git(['tag', 'v1'])
  for (const [ref, words] of [
    ['main:topic', /a deploy token of production may not move topic/],
    ['main:staging', /a deploy token of production may not move staging/],
    ['v1', /a deploy token pushes the branch of production and nothing else/],
  ] as const) {
    const { code, stderr } = await rig.push(ref).end
    assert.equal(code, 1, stderr)
    assert.match(stderr, words)
  }
  assert.deepEqual([rig.pipeline.runs.length, await rig.refs()], [0, []])
  const push = rig.push('main')
  const run = await rig.run(push, 1)
  await run.live()
  const { code, stderr } = await push.end
  assert.equal(code, 0, stderr)
})

test('a push whose token is revoked ends like one whose line was cut', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const push = rig.push('main')
  await rig.run(push, 1)
  rig.revoked.abort(new AppError('not-authenticated', 'the token was revoked'))
  const { code } = await push.end
  assert.notEqual(code, 0)
  await rig.pipeline.cancelled(1)
  assert.deepEqual(await rig.refs(), [])
})
