import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EnvironmentLog } from './environment-log.ts'
import { parseRecord, readMarks, recordText, type LineRecord, type Position } from './record.ts'

const root = mkdtempSync(join(tmpdir(), 'lading-logs-'))
after(() => rmSync(root, { recursive: true }))
const limits = { segmentBytes: 2_000, keptBytes: 10_000 }

const line = (text: string): LineRecord => ({
  time: '2026-11-25T20:50:00.000000001Z',
  source: 'web.1',
  release: 'v3',
  container: 'abc',
  stream: 'stderr',
  partial: false,
  text,
})
const position = (off: number): Position => ({ ino: '9', off, head: '3:7', name: 'web.1', time: '' })
const texts = (log: EnvironmentLog) =>
  log.paths.flatMap(path => readFileSync(path, 'utf8').split('\n')).flatMap(text => parseRecord(text)?.text ?? [])

test('a record keeps tabs, unusual characters and an empty text, and is one line', () => {
  for (const text of ['', 'a\tb\t', '# no mark', 'ü€ \u0000 \u2028 �', '\r']) {
    const written = recordText(line(text))
    assert.equal(written.indexOf('\n'), written.length - 1)
    assert.deepEqual(parseRecord(written.slice(0, -1)), line(text))
  }
})

test('lines and positions are there again', () => {
  const folder = join(root, 'again')
  const log = new EnvironmentLog(folder, limits)
  log.append(recordText(line('one')), new Map([['c1', position(10)]]))
  log.append(recordText(line('two')), new Map([['c1', position(20)], ['c2', position(5)]])) // prettier-ignore
  log.append('', new Map([['c2', null]]))
  log.close()
  const next = new EnvironmentLog(folder, limits)
  assert.deepEqual(texts(next), ['one', 'two'])
  assert.deepEqual([...next.positions], [['c1', position(20)]])
  next.close()
})

test('a batch that was written half was never written, wherever it is cut', () => {
  const folder = join(root, 'torn')
  const log = new EnvironmentLog(folder, { segmentBytes: 100_000, keptBytes: 1_000_000 })
  log.append(recordText(line('whole')), new Map([['c1', position(10)]]))
  const path = log.paths[0]!
  const first = statSync(path).size
  log.append(recordText(line('half')), new Map([['c1', position(20)]]))
  log.close()
  const all = readFileSync(path)
  for (let cut = first; cut < all.length; cut++) {
    writeFileSync(path, all.subarray(0, cut))
    const next = new EnvironmentLog(folder, limits)
    assert.deepEqual(texts(next), ['whole'])
    assert.equal(next.positions.get('c1')?.off, 10)
    next.append(recordText(line('after')), new Map())
    assert.deepEqual(texts(next), ['whole', 'after'])
    next.close()
  }
})

test('what a power cut leaves in place of the text is cut off: zeros, and bytes that changed', () => {
  const folder = join(root, 'zeros')
  const log = new EnvironmentLog(folder, limits)
  log.append(recordText(line('whole')), new Map([['c1', position(10)]]))
  const path = log.paths[0]!
  const first = statSync(path).size
  log.append(recordText(line('damaged')), new Map([['c1', position(20)]]))
  log.close()
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('damaged')] = 0
  writeFileSync(path, bytes)
  appendFileSync(path, Buffer.alloc(4096))
  const next = new EnvironmentLog(folder, limits)
  assert.deepEqual(texts(next), ['whole'])
  assert.equal(statSync(path).size, first)
  next.close()
})

test('the oldest segments go by the quota, and the positions are not among them', () => {
  const folder = join(root, 'quota')
  const log = new EnvironmentLog(folder, limits)
  log.append('', new Map([['old', position(1)]]))
  for (let at = 0; at < 500; at++) log.append(recordText(line(`number ${at}`)), new Map([['c1', position(at)]]))
  const bytes = log.paths.reduce((sum, path) => sum + statSync(path).size, 0)
  assert.ok(bytes <= limits.keptBytes, `${bytes}`)
  assert.ok(bytes > limits.keptBytes / 2, `${bytes}`)
  assert.equal(texts(log).at(-1), 'number 499')
  log.close()
  const next = new EnvironmentLog(folder, limits)
  assert.equal(next.positions.get('c1')?.off, 499)
  assert.equal(next.positions.get('old')?.off, 1)
  next.close()
})

test('a segment that was begun and has no batch is no reason to forget the positions', () => {
  const folder = join(root, 'begun')
  const log = new EnvironmentLog(folder, limits)
  log.append(recordText(line('one')), new Map([['c1', position(10)]]))
  log.close()
  writeFileSync(join(folder, '00000002.log'), recordText(line('half')))
  const next = new EnvironmentLog(folder, limits)
  assert.deepEqual(texts(next), ['one'])
  assert.equal(next.positions.get('c1')?.off, 10)
  next.close()
  truncateSync(next.paths[0]!, 0)
  assert.equal(readMarks(readFileSync(next.paths[0]!)).marks, 0)
})
