import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAppName, parseEnvironmentName } from '../core/names.ts'
import { systemClock } from '../core/system.ts'
import { Containers } from './containers.ts'
import { Logs } from './logs.ts'
import { recordsSince } from './read.ts'
import { TestContainer } from '../../test/doubles/follower-engine.ts'

const shop = { app: parseAppName('shop'), environment: parseEnvironmentName('production') }

test('a container whose record comes after its folder is asked for again, and what it said in its short life is kept', t => {
  const root = mkdtempSync(join(tmpdir(), 'lading-containers-'))
  t.after(() => rmSync(root, { recursive: true }))
  const folder = join(root, 'containers')
  mkdirSync(join(folder, 'a'.padEnd(64, '0')), { recursive: true })
  const limits = { segmentBytes: 1 << 20, keptBytes: 1 << 20, freeBytes: 0, idleMs: 1_000 }
  const logs = new Logs({ folder: join(root, 'state'), limits, clock: systemClock, log: () => {} })
  const containers = new Containers(folder, logs)

  containers.discover(0)
  assert.equal(containers.isPuzzled, true)
  const container = new TestContainer(folder)
  container.say('short')
  containers.discover(100)
  assert.equal(containers.isPuzzled, false)
  containers.read(100)
  container.say('lived')
  container.remove()
  containers.discover(200)
  containers.read(200)
  const texts = [...recordsSince(logs.pathsOf(shop), '')].map(({ text }) => text)
  assert.deepEqual(texts, ['short', 'lived'])

  // One that is someone else's is no puzzle.
  new TestContainer(folder, { id: 'b', labels: {} })
  containers.discover(300)
  assert.equal(containers.isPuzzled, false)
  containers.close()
  logs.close()
})
