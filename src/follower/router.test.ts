import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { eventually } from '../../test/rig/eventually.ts'
import { systemClock } from '../core/system.ts'
import { defaults } from '../core/defaults.ts'
import { environmentId } from '../core/labels.ts'
import type { LineRecord } from './record.ts'
import { RouterLog } from './router.ts'

const root = mkdtempSync(join(tmpdir(), 'lading-router-'))
const paths = { newestRouter: join(root, 'newest.json'), occupantsSocket: join(root, 'nobody.sock') }
after(() => rmSync(root, { recursive: true }))

/** What a HAProxy's runtime socket says: its ring from the oldest line on, then what comes; and what is in flight. */
class Ring {
  readonly path: string
  readonly lines: string[] = []
  readonly readers = new Set<Socket>()
  inFlight = 0
  readonly #server = createServer(socket => {
    socket.on('error', () => undefined)
    socket.on('data', bytes => {
      const command = String(bytes)
      if (command.startsWith('prompt')) socket.write('\n> ')
      if (command.startsWith('show stat'))
        socket.write(`# pxname,svname,qcur,qmax,scur\nlane,BACKEND,0,0,${this.inFlight}\n\n> `)
      if (!command.startsWith('show events')) return
      this.readers.add(socket)
      socket.on('close', () => this.readers.delete(socket))
      socket.write(this.lines.map(line => `${line}\n`).join(''))
    })
  })

  constructor(name: string) {
    this.path = join(root, name)
    this.#server.listen(this.path)
    after(() => this.#server.close())
  }

  say(environment: string, id: string, status = '200'): void {
    const time = `2026-11-24T10:00:00.${String(100_000 + this.lines.length)}+00:00`
    const fields = [
      environment,
      'h1/s1',
      status,
      '--',
      '10',
      '0',
      '0',
      '1',
      '1',
      '10.0.0.1',
      '1',
      id,
      'GET',
      'shop.test',
      '/',
    ]
    const line = `<134>${time} ${fields.join('\t')}`
    this.lines.push(line)
    for (const reader of this.readers) reader.write(`${line}\n`)
  }

  /** Newest: the next keeper's look finds this one. */
  become(): void {
    writeFileSync(paths.newestRouter, JSON.stringify({ runtimeSocket: this.path }))
  }
}

const noWriters = {
  paths,
  clock: systemClock,
  log: () => undefined,
  writerOf: () => undefined,
}

function reader(kept: readonly LineRecord[]) {
  const stop = new AbortController()
  const log = new RouterLog({
    ...noWriters,
    kept: (key, since) => (key.app === 'shop' ? kept.filter(({ time }) => time >= since) : []),
  })
  const running = log.run(stop.signal)
  const got: LineRecord[] = []
  const ids = async (count: number) => {
    await eventually(`${count} lines`, () => {
      for (const { records } of log.take()) got.push(...records)
      return got.length >= count
    })
    return got.map(({ text }) => /request_id=(\S+)/.exec(text)?.[1])
  }
  return { ids, got, end: async () => (stop.abort(), running) }
}

test('after a death the ring is read again, and what is kept is not doubled', async () => {
  const ring = new Ring('one.sock')
  ring.become()
  for (const id of ['a', 'b', 'b', 'c']) ring.say('shop/production', id)
  const first = reader([])
  assert.deepEqual(await first.ids(4), ['a', 'b', 'b', 'c'])
  ring.say('shop/production', 'd')
  assert.deepEqual((await first.ids(5)).at(-1), 'd')
  await first.end()
  assert.equal(first.got[0]?.time, '2026-11-24T10:00:00.100000000Z')
  ring.say('shop/production', 'e')
  ring.say('other/production', 'f')
  const second = reader(first.got)
  assert.deepEqual(await second.ids(2), ['e', 'f'])
  await second.end()
})

test('a HAProxy that is replaced is heard until its last request has ended, and not kept alive after that', async () => {
  const old = new Ring('old.sock')
  const next = new Ring('next.sock')
  old.inFlight = 1
  old.become()
  const both = reader([])
  old.say('shop/production', 'a')
  await both.ids(1)
  next.become()
  next.say('shop/production', 'b')
  await both.ids(2)
  old.say('shop/production', 'late')
  assert.deepEqual(await both.ids(3), ['a', 'b', 'late'])
  old.inFlight = 0
  await eventually('nothing listens to the old one', () => old.readers.size === 0)
  assert.equal(next.readers.size, 1)
  await both.end()
})

test("strangers' requests lie apart and are sampled, and take nothing from the lines of apps", async () => {
  const ring = new Ring('strangers.sock')
  for (let n = 0; n < 3 * defaults.logStrangersBurst; n++) ring.say('-', `s${n}`, '404')
  ring.say('lading/production', 'refused', '401')
  ring.say('lading/production', 'answered')
  for (let n = 0; n < 5; n++) ring.say('shop/production', `a${n}`, '404')
  ring.become()
  const stop = new AbortController()
  const log = new RouterLog({ ...noWriters, kept: () => [] })
  const running = log.run(stop.signal)
  const kept = new Map<string, number>()
  await eventually('the last line is there', () => {
    for (const batch of log.take()) {
      const id = environmentId(batch.key)
      kept.set(id, (kept.get(id) ?? 0) + batch.records.length)
    }
    return kept.get('shop/production') === 5
  })
  stop.abort()
  await running
  assert.equal(kept.get('lading/production'), 1)
  const strangers = kept.get('lading/strangers') ?? 0
  assert.ok(strangers >= defaults.logStrangersBurst && strangers < 2 * defaults.logStrangersBurst, String(strangers))
})
