import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { backupName, folderStorage, superfluous } from './storage.ts'

const signal = new AbortController().signal

test('names say where and when, and sort by time', () => {
  assert.equal(
    backupName('example.com', new Date('2026-11-25T03:15:00.123Z'), 'hand'),
    'lading-example.com-20261125T031500Z.age',
  )
  assert.match(backupName('example.com', new Date(0), 'schedule'), /Z\.auto\.age$/)
})

test('only the schedule’s own are superfluous, of this platform, the oldest first', () => {
  const name = (day: number, by: 'schedule' | 'hand' = 'schedule', domain = 'a.b') =>
    backupName(domain, new Date(Date.UTC(2026, 0, day)), by)
  const kept = [name(1), name(2, 'hand'), name(3), name(4), name(1, 'schedule', 'c.d'), name(1, 'schedule', 'a.b-c')]
  assert.deepEqual(
    superfluous(
      kept.map(name => ({ name, size: 1 })),
      'a.b',
      2,
    ),
    [name(1)],
  )
  assert.deepEqual(
    superfluous(
      kept.map(name => ({ name, size: 1 })),
      'a.b',
      3,
    ),
    [],
  )
})

test('in a folder a backup is whole or not there, and what a kill left goes with the next', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'lading-shelf-'))
  t.after(() => rm(folder, { recursive: true }))
  const storage = folderStorage(folder)
  await writeFile(join(folder, 'killed.age.part'), 'half')
  await writeFile(join(folder, 'notes.txt'), 'mine')
  async function* cut(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half')
    throw new Error('cut')
  }
  await assert.rejects(storage.put('b.age', cut(), signal), /cut/)
  assert.deepEqual(await readdir(folder), ['notes.txt'])
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('whole')
  }
  assert.equal(await storage.put('b.age', whole(), signal), 5)
  assert.equal(await storage.put('a.age', whole(), signal), 5)
  assert.deepEqual(await storage.list(signal), [
    { name: 'a.age', size: 5 },
    { name: 'b.age', size: 5 },
  ])
  const read: Uint8Array[] = []
  for await (const chunk of storage.read('b.age', signal)) read.push(chunk)
  assert.equal(Buffer.concat(read).toString(), 'whole')
  await storage.remove('a.age', signal)
  assert.deepEqual((await readdir(folder)).sort(), ['b.age', 'notes.txt'])
})

test('a folder that is not there is named', async () => {
  await assert.rejects(folderStorage('/nowhere/at/all').list(signal), {
    code: 'not-found',
    message: /\/nowhere\/at\/all/,
  })
})
