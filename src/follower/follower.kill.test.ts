import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../test/rig/eventually.ts'
import { parseAppName, parseEnvironmentName } from '../core/names.ts'
import { followerLines } from '../observe/client.ts'
import type { RetainedLine, RetainedLogsQuery } from '../observe/retained-logs.ts'
import { parseRecord } from './record.ts'
import { TestContainer } from '../../test/doubles/follower-engine.ts'

/** A real follower as a process of its own, real files, real rotation, and kill -9. */
const root = mkdtempSync(join(tmpdir(), 'lading-follower-'))
const places = { containers: join(root, 'containers'), state: join(root, 'state'), run: join(root, 'run') }
for (const place of Object.values(places)) mkdirSync(place)
const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true })
})

const lines = followerLines(join(places.run, 'logs.sock'))
const shop = { app: parseAppName('shop'), environment: parseEnvironmentName('production') }
const never = new AbortController().signal

async function started(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: { LADING_STATE_DIR: places.state, LADING_CONTAINERS: places.containers, LADING_RUN_DIR: places.run },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  let said = ''
  child.stdout.on('data', chunk => (said += String(chunk)))
  await eventually('the follower follows', async () => {
    if (!said.includes('following')) throw new Error(`it says ${said}`)
    return true
  })
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
  children.delete(child)
}

async function read(query: Partial<RetainedLogsQuery> = {}, signal = never): Promise<RetainedLine[]> {
  const all = { ...shop, tail: 10_000, follow: false, sources: [], ...query }
  return Array.fromAsync(lines.lines(all, signal))
}

/** Texts of all records on the disk, whoever wrote them. */
function kept(): string[] {
  const folder = join(places.state, 'shop/production')
  return readdirSync(folder)
    .sort()
    .flatMap(name => readFileSync(join(folder, name), 'utf8').split('\n'))
    .flatMap(line => parseRecord(line)?.text ?? [])
}

test('killed again and again in the middle of a stream of numbered lines, it keeps each number exactly once', async () => {
  const containers = ['a', 'b', 'c'].map(id => new TestContainer(places.containers, { id, maxBytes: 1_000_000 }))
  let follower = await started()
  let wanted = 0
  let isWriting = true
  const write = async () => {
    while (isWriting) {
      for (let burst = 0; burst < 25; burst++, wanted++) containers[wanted % 3]!.say(`number ${wanted}`)
      await pause(5)
    }
  }
  const writing = write()
  for (let kills = 0; kills < 8; kills++) {
    await pause(20 + ((kills * 37) % 150))
    await killed(follower)
    follower = await started()
  }
  isWriting = false
  await writing
  await eventually('everything is kept', async () => {
    const found = kept().length
    if (found < wanted) throw new Error(`${found} of ${wanted}`)
    return true
  })
  const counts = new Map<string, number>()
  for (const text of kept()) counts.set(text, (counts.get(text) ?? 0) + 1)
  const wrong = [...counts].filter(([text, count]) => count !== 1 || !/^number \d+$/.test(text))
  assert.deepEqual(wrong, [])
  assert.equal(counts.size, wanted)

  containers[0]!.say('last words')
  containers[0]!.remove()
  await eventually('the lines of a process that is gone are read', async () => {
    const [last] = await read({ tail: 1 })
    if (last?.text !== 'last words') throw new Error(JSON.stringify(last))
    return true
  })
  const [last] = await read({ tail: 1, sources: ['web'] })
  assert.deepEqual(
    { ...last, time: '' },
    { time: '', source: 'web.1', stream: 'stdout', text: 'last words', release: 'v3' },
  )
  assert.deepEqual(await read({ sources: ['router'] }), [])
  assert.deepEqual(await read({ since: '2999' }), [])

  // Removed while no one follows: said, not hidden.
  await killed(follower)
  containers[1]!.remove()
  follower = await started()
  await eventually('the gap is said', async () => {
    const found = (await read({ sources: ['lading'] })).map(({ text }) => text)
    if (!/may be missing: its container was removed/.test(found.join())) throw new Error(JSON.stringify(found))
    return true
  })

  // Who follows hears each line once, from the last that he asked for on.
  const heard: string[] = []
  const enough = new AbortController()
  const following = (async () => {
    for await (const { text } of lines.lines({ ...shop, tail: 2, follow: true, sources: ['web'] }, enough.signal)) {
      heard.push(text)
      if (text === 'new 4999') enough.abort()
    }
  })()
  await eventually('the reader hears the past', () => heard.length === 2)
  for (let at = 0; at < 5000; at++) {
    if (at === 2500) await eventually('the reader hears', () => heard.length > 1000)
    containers[2]!.say(`new ${at}`)
  }
  await following
  assert.deepEqual(
    heard.slice(2),
    Array.from({ length: 5000 }, (_, at) => `new ${at}`),
  )

  // An app is destroyed while its last container still speaks; the next one of its name starts over.
  await lines.forget(shop, never)
  containers[2]!.say('goes')
  const next = new TestContainer(places.containers, { id: 'd' })
  next.say('of the next app')
  await eventually('the next app is followed', async () => (await read()).length > 0)
  containers[2]!.remove()
  next.say('and again')
  await eventually('it goes on', async () => (await read()).length === 2)
  assert.deepEqual(
    (await read()).map(({ text }) => text),
    ['of the next app', 'and again'],
  )
  await killed(follower)
})
