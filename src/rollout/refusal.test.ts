import assert from 'node:assert/strict'
import { test } from 'node:test'
import { image, shop } from '../../test/doubles/api.ts'
import type { AppError } from '../core/errors.ts'
import { parseRunId } from '../core/names.ts'
import type { Release } from '../core/release.ts'
import { systemClock } from '../core/system.ts'
import type { TaskView } from '../docker/engine.ts'
import { FakeCluster } from '../../test/doubles/engine.ts'
import { FakeEdges } from '../../test/doubles/edges.ts'
import { SwarmRefusals } from './refusal.ts'

const signal = new AbortController().signal
const release: Release = {
  ...shop,
  number: 2,
  image,
  commit: null,
  author: 'Ann',
  config: 1,
  formation: {},
  verdict: { outcome: 'nothing-tested', sentence: 'No CI steps.' },
  description: 'Deploy',
  by: 'ann',
  createdAt: 0,
  run: parseRunId('run00000001'),
}

type Task = Pick<TaskView, 'state' | 'error'> & Partial<TaskView>
const [rejected, running] = [
  (error: string): Task => ({ state: 'rejected', error }),
  { state: 'running', error: null } satisfies Task,
]
const noImage = rejected('No such image: 127.0.0.1:5443/shop@sha256:a')

/** What is said when Swarm's task list, newest first, is asked once for each of `lists`. */
async function said(...lists: readonly (readonly Task[])[]): Promise<AppError | null> {
  const cluster = new FakeCluster({ clock: systemClock })
  const edges = new FakeEdges({ clock: systemClock, processes: cluster.processes }).edges()
  let now = 0
  const clock = { ...systemClock, monotonic: () => now }
  const listTasks = async () =>
    (lists[now / 1000] ?? []).map((task, at) => ({
      id: `t${at}`,
      slot: 1,
      node: 'one',
      container: null,
      exitCode: null,
      ...task,
    }))
  const refusals = new SwarmRefusals(release, { engine: { ...cluster.engine(), listTasks }, edges, clock })
  for (; now < lists.length * 1000; now += 1000) {
    const refusal = await refusals.refusal(signal)
    if (refusal) return refusal
  }
  return null
}

test('a limit that no node can give is told in the words of the engine, with what to do', async () => {
  const reason = 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'
  const error = await said([{ state: 'ready', error: null }, rejected(reason), rejected(reason)])
  assert.equal(error?.message, `the engine cannot start v2: ${reason}`)
  assert.match(error?.hint ?? '', /Lower "cpus" in lading.yaml/)
  assert.equal(error?.retryable, false)
})

test('a container that cannot be started is told without who told whom', async () => {
  const failed = (reason: string): Task => ({
    state: 'failed',
    error: `starting container failed: ${reason}`,
    container: 'c',
  })
  const user = 'unable to find user node: no matching entries in passwd file'
  assert.equal(
    (await said([failed(user), failed(user)]))?.message,
    'the engine cannot start v2: unable to find user node: no matching entries in passwd file',
  )
  const runc = 'OCI runtime create failed: runc create failed: unable to start container process: '
  const folder = 'chdir to cwd ("/private") set in config.json failed: permission denied'
  const error = await said([failed(`${runc}${folder}: unknown`), failed(`${runc}${folder}: unknown`)])
  assert.equal(error?.message, `the engine cannot start v2: ${folder}`)
})

test('one task that was refused is not believed, nor two of an earlier time, nor one each of two slots', async () => {
  assert.equal(await said([noImage], [noImage], [{ state: 'preparing', error: null }, noImage]), null)
  assert.equal(await said([running, noImage, noImage]), null)
  assert.equal(await said([{ ...noImage, slot: 2 }, noImage]), null)
  const attachments = rejected('node is missing network attachments, ip addresses may be exhausted')
  assert.equal(await said([attachments, attachments]), null)
  assert.match(
    (await said([noImage, noImage]))?.message ?? '',
    /^the image of v2 is missing on the node: No such image/,
  )
})

test('a wait for room is believed when it is seen twice in a row', async () => {
  const waits: Task = { state: 'pending', error: 'no suitable node (insufficient resources on 1 node)' }
  assert.equal(await said([waits], [running], [waits]), null)
  assert.equal((await said([waits], [waits]))?.code, 'no-room')
})
