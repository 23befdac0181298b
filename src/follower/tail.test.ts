import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Bucket } from './bucket.ts'
import { platformKey } from './container.ts'
import type { Position } from './record.ts'
import { Tail } from './tail.ts'
import { TestContainer } from '../../test/doubles/follower-engine.ts'

const root = mkdtempSync(join(tmpdir(), 'lading-tail-'))
after(() => rmSync(root, { recursive: true }))

const writer = { key: platformKey, name: 'web.1', release: 'v3' }
const roomy = () => new Bucket({ perSecond: 1e9, burst: 1e9, now: 0 })
const tailOf = ({ id, folder }: TestContainer, position: Position | null = null) =>
  new Tail({ container: id, folder, writer, position })
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `line ${from + at}`)

/** All that is there now. */
function readAll(tail: Tail, bucket = roomy(), now = 0) {
  const texts: string[] = []
  const notes: string[] = []
  let position: Position | null | undefined
  for (let piece = tail.read(bucket, now); piece !== null; piece = tail.read(bucket, now)) {
    texts.push(...piece.records.map(record => (record.partial ? `${record.text}…` : record.text)))
    notes.push(...piece.notes)
    position = piece.position
    if (position === null) break
  }
  return { texts, notes, position }
}

test('lines come once each, through renamed files', () => {
  const container = new TestContainer(root, { id: '1', maxBytes: 1_000 })
  const tail = tailOf(container)
  const texts: string[] = []
  for (const text of numbers(0, 200)) {
    container.say(text)
    if (text.endsWith('7')) texts.push(...readAll(tail).texts)
  }
  texts.push(...readAll(tail).texts)
  assert.deepEqual(texts, numbers(0, 200))
  tail.close()
})

test('another one goes on where the first was killed, in a file that has another name by now', () => {
  const container = new TestContainer(root, { id: '2', maxBytes: 1_000 })
  const first = tailOf(container)
  numbers(0, 12).forEach(text => container.say(text))
  const { position } = readAll(first)
  first.close()
  numbers(12, 30).forEach(text => container.say(text))
  const { texts, notes } = readAll(tailOf(container, position))
  assert.deepEqual(texts, numbers(12, 30))
  assert.deepEqual(notes, [])
})

test('what was written over while nothing followed is said', () => {
  const container = new TestContainer(root, { id: '3', maxBytes: 1_000 })
  const first = tailOf(container)
  numbers(0, 5).forEach(text => container.say(text))
  const { position } = readAll(first)
  first.close()
  numbers(5, 200).forEach(text => container.say(text))
  const { texts, notes } = readAll(tailOf(container, position))
  assert.equal(texts.at(-1), 'line 199')
  assert.deepEqual(texts, numbers(200 - texts.length, 200))
  assert.match(notes.join(), /lines of web\.1 after 2\S+Z may be missing: the engine wrote over them/)
})

test('the last lines of a container that is removed are read, and then its position goes', () => {
  const container = new TestContainer(root, { id: '4' })
  const tail = tailOf(container)
  container.say('first')
  assert.deepEqual(readAll(tail).texts, ['first'])
  container.say('last words')
  container.say('half a line', 'stdout', '')
  container.remove()
  const { texts, position, notes } = readAll(tail)
  assert.deepEqual(texts, ['last words', 'half a line…'])
  assert.equal(position, null)
  assert.deepEqual(notes, [])
})

test('one that was removed while nothing followed is said', () => {
  const container = new TestContainer(root, { id: '5' })
  const first = tailOf(container)
  container.say('first')
  const { position } = readAll(first)
  first.close()
  container.remove()
  const { notes, position: after } = readAll(tailOf(container, position))
  assert.match(notes.join(), /its container was removed while nothing followed it/)
  assert.equal(after, null)
})

test('a line of the engine is not taken before it is whole, and rubbish is told and passed over', () => {
  const container = new TestContainer(root, { id: '6' })
  const tail = tailOf(container)
  container.raw('{"log":"begun')
  assert.deepEqual(readAll(tail).texts, [])
  container.raw(' and ended\\n","stream":"stderr","time":"2026-11-25T20:50:00Z"}\n')
  container.raw('\0\0\0\0\n{"log":1}\n')
  container.say('after')
  const { texts, notes } = readAll(tail)
  assert.deepEqual(texts, ['begun and ended', 'after'])
  assert.deepEqual(notes, ["2 lines in the engine's log of web.1 are damaged"])
  tail.close()
})

test('what comes faster than it may is counted, and the count outlives the follower', () => {
  const container = new TestContainer(root, { id: '7' })
  const bucket = new Bucket({ perSecond: 10, burst: 10, now: 0 })
  numbers(0, 100).forEach(text => container.say(text))
  const tail = tailOf(container)
  const first = readAll(tail, bucket)
  assert.deepEqual(first.texts, numbers(0, 10))
  assert.match(first.notes.join(), /^90 lines of web\.1 were not kept: it writes faster/)
  numbers(0, 5).forEach(text => container.say(text))
  const second = readAll(tail, bucket, 1)
  assert.deepEqual(second.notes, [])
  assert.equal(second.position?.dropped, 5)
  tail.close()
  bucket.refill(60_000)
  container.say('calm again')
  const third = readAll(tailOf(container, second.position), bucket, 60_000)
  assert.deepEqual(third.texts, ['calm again'])
  assert.match(third.notes.join(), /^5 lines/)
})

test('another file with the number of an old one is not taken for it', () => {
  const container = new TestContainer(root, { id: '8' })
  container.say('of the new file')
  const tail = tailOf(container)
  const { position } = readAll(tail)
  assert.ok(position)
  const { texts, notes } = readAll(tailOf(container, { ...position, head: '12:345' }))
  assert.deepEqual(texts, ['of the new file'])
  assert.equal(notes.length, 1)
})
