import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { label } from '../../src/core/labels.ts'
import { giveWay } from '../runner/ring.ts'
import { atRest } from './invariants.ts'
import { Player } from './player.ts'

before(giveWay)

test('pushes of an app that is deaf to SIGTERM wait for no older release', async () => {
  assert.equal(await pushes(60_000), await pushes(120))
})

test('a release whose requests outlast the drain limit keeps its lane until its processes have ended', async () => {
  const player = new Player()
  await player.begin()
  const key = await player.createApp('shop')
  await player.settled(await player.push(key, {}))
  await player.settled(await player.push(key, { web: { stopMs: 20_000 } }))
  const third = await player.push(key, {})
  await player.landed(third)
  const { edges, cluster } = player.world
  // The witness's own request is over by then, and the drain has not begun.
  await player.until(() => false, 8_000)
  edges.setInFlight({ ...key, release: 2 }, 1)
  const lanes = async () => (await edges.edges().state(new AbortController().signal)).lanes.map(lane => lane.release)
  const second = () => cluster.processes.all().find(process => process.labels[label.release] === '2')
  await player.until(() => second()?.stopping === true)
  assert.deepEqual(await lanes(), [2, 3])
  await player.until(() => second()?.state !== 'running')
  await player.settled(third)
  await player.until(() => false, 1_000)
  assert.deepEqual(await lanes(), [3])
  assert.deepEqual(await atRest(player), [])
  await player.world.dispose()
})

/** Virtual milliseconds until the last of six pushes serves, one after the other. */
async function pushes(stopMs: number): Promise<number> {
  const player = new Player()
  await player.begin()
  const key = await player.createApp('shop')
  const begin = player.world.clock.monotonic()
  for (let n = 0; n < 6; n++) await player.landed(await player.push(key, { web: { stopMs } }))
  const took = player.world.clock.monotonic() - begin
  await player.world.clock.run(() => false, 60_000)
  assert.deepEqual(await atRest(player), [])
  await player.world.dispose()
  return took
}
