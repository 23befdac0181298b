import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { parseAppName, parseRunId, production } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { openSqliteStore } from './sqlite.ts'

const dataKey = new Secret('5a'.repeat(32))

/** The child: writes until it is killed, and says each row that it was told is there. */
async function writer(path: string): Promise<void> {
  const store = await openSqliteStore({ path, dataKey })
  const key = { app: parseAppName('shop'), environment: production }
  if (!(await store.findApp(key.app))) await store.createApp(key.app, 'ann', 1)
  for (let i = (await store.listRuns(key, 100_000)).length; ; i++) {
    const id = parseRunId(`run${String(i).padStart(5, '0')}`)
    await store.insertRun({ ...key, id, intent: { kind: 'scale', formation: {} }, by: 'ann', reason: 'x', now: i })
    await store.appendLines(id, [
      { at: 1, text: 'one' },
      { at: 2, text: 'two' },
    ])
    process.stdout.write(`${id}\n`)
  }
}

test('what a killed writer was told is there stays there, and no batch is there by half', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lading-store-'))
  const path = join(folder, 'lading.db')
  const acknowledged: string[] = []
  for (const after of [1, 7, 40]) {
    const child = spawn(process.execPath, [import.meta.filename, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    let lines = 0
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line)
      if (++lines === after) child.kill('SIGKILL')
    }
    const store = await openSqliteStore({ path, dataKey })
    for (const line of acknowledged) assert.equal((await store.readLines(parseRunId(line), 0)).length, 2)
    for (const run of await store.openRuns())
      assert.notEqual((await store.readLines(run.id, 0)).length, 1, 'lines of one batch come together')
    await store.close()
  }
  assert.ok(acknowledged.length >= 48)
  await rm(folder, { recursive: true })
})

const [, program, path] = process.argv
if (program === import.meta.filename && path !== undefined) await writer(path)
