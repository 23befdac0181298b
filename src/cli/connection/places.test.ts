import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../config.ts'
import { findPlace } from './places.ts'

test('root on a server without its control plane is told to start it, and no other platform is asked', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'lading-places-'))
  t.after(() => rm(folder, { recursive: true }))
  const config = {
    ...readConfig({ LADING_SOCKET: join(folder, 'control.sock') }),
    serverTokenFile: join(folder, 'token'),
    folder,
  }
  await writeFile(join(folder, 'https_lading.example.com.token'), 'of another platform')
  assert.equal((await findPlace(config, null)).kind, 'url')
  await writeFile(config.serverTokenFile, 'of this server')
  await assert.rejects(findPlace(config, null), { code: 'unavailable', hint: 'Start it: lading up' })
})
