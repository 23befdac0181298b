import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { giveWay } from '../runner/ring.ts'
import { Player } from './player.ts'

before(giveWay)

test('scaling runs no release phase: image and config are those that it ran with', async () => {
  const player = new Player()
  await player.begin()
  const key = await player.createApp('shop')
  const started = () => player.world.cluster.processes.oneOffStarts.size
  await player.settled(await player.push(key, { releaseCommand: { runsMs: 500, exitCode: 0 } }))
  assert.equal(started(), 1)
  const scaled = await player.submit(key, { kind: 'scale', formation: { web: 2 } })
  await player.settled(scaled)
  assert.deepEqual([scaled.outcome?.state, started()], ['live', 1])
  await player.settled(await player.push(key, { releaseCommand: { runsMs: 500, exitCode: 0 } }))
  assert.equal(started(), 2)
  await player.world.dispose()
})
