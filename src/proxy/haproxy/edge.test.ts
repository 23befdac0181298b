import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { systemClock } from '../../core/system.ts'
import { HaproxyEdge, type EdgeOptions } from './edge.ts'
import { edgePaths } from './files.ts'

void suite('an edge that is handed over', () => {
  test('cannot be handed over again: the second who asks is told, and nothing else happens', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lading-edge-'))
    const settings = { httpPort: 1, httpsPort: 1, registryPort: null, ipv6: false, user: null }
    const options: EdgeOptions = {
      paths: edgePaths(folder, folder),
      settings: () => ({ ...settings, maxConnections: 1, balancers: [], hardStopSeconds: 1 }),
      binary: 'haproxy',
      clock: systemClock,
      log: () => undefined,
      changed: () => undefined,
      started: () => Promise.resolve(),
    }
    const edge = new HaproxyEdge(options)
    await edge.freeze(Promise.resolve('retired'))
    await assert.rejects(edge.freeze(Promise.resolve('retired')), { code: 'unavailable', retryable: true })
    await rm(folder, { recursive: true })
  })
})
