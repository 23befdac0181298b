import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { Floods } from './floods.ts'

const MiB = 1024 * 1024
const root = mkdtempSync(join(tmpdir(), 'lading-floods-'))
after(() => rmSync(root, { recursive: true }))
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(root, 'containers-'))
})

function container(letter: string, role: string | null) {
  const id = letter.repeat(64)
  const path = join(folder, id, `${id}-json.log`)
  mkdirSync(join(folder, id))
  writeFileSync(join(folder, id, 'config.v2.json'), JSON.stringify({ Config: { Labels: { 'lading.role': role } } }))
  writeFileSync(path, '')
  return { id, grow: (bytes: number) => truncateSync(path, bytes), rotate: () => renameSync(path, `${path}.1`), path }
}

test('a log that grows by more than 4 MiB a second for two seconds is a flood, whoever of an app or a step writes it', () => {
  for (const role of ['process', 'release-phase', 'one-off', 'verify', 'service']) {
    const one = container(role.slice(0, 1) === 'r' ? 'a' : role.slice(0, 1) === 'v' ? 'b' : 'c', role)
    const floods = new Floods(folder, 0)
    assert.deepEqual(floods.look(1000), [])
    one.grow(5 * MiB)
    assert.deepEqual(floods.look(2000), [], 'a burst')
    one.grow(10 * MiB)
    assert.deepEqual(floods.look(3000), [one.id])
    one.grow(13 * MiB)
    assert.deepEqual(floods.look(4000), [], 'it is slower now')
    rmSync(join(folder, one.id), { recursive: true })
  }
})

test('a log that is rotated between two looks counts with what was written before', () => {
  const one = container('d', 'process')
  const floods = new Floods(folder, 0)
  floods.look(1000)
  one.grow(7 * MiB)
  floods.look(2000)
  one.grow(10 * MiB)
  one.rotate()
  writeFileSync(one.path, '')
  one.grow(4 * MiB)
  assert.deepEqual(floods.look(3000), [one.id])
})

test('what grows by more than 8 MiB a second is a flood at once: an engine at its full speed leaves a lease no two seconds', () => {
  const one = container('9', 'verify')
  const floods = new Floods(folder, 0)
  floods.look(500)
  one.grow(5 * MiB)
  assert.deepEqual(floods.look(1000), [one.id])
})

test('a late look is no flood, nor is what was there before, nor a container of the platform or of someone else', () => {
  const late = container('e', 'process')
  late.grow(90 * MiB)
  const [own, other] = [container('f', 'platform'), container('0', null)]
  const floods = new Floods(folder, 0)
  assert.deepEqual(floods.look(1000), [])
  for (const [at, now] of [11_000, 21_000, 31_000].entries()) {
    late.grow((90 + 30 * (at + 1)) * MiB)
    for (const one of [own, other]) one.grow(60 * (at + 1) * MiB)
    assert.deepEqual(floods.look(now), [])
  }
})
