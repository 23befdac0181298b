import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { makeTestApi } from '../../../test/doubles/api.ts'
import { systemClock } from '../../core/system.ts'
import { CliRig } from '../../../test/doubles/cli-rig.ts'
import { readConfig } from '../config.ts'
import { credential } from './credential.ts'
import { Session } from '../session.ts'
import { Terminal } from '../terminal.ts'

/** On the server: root's socket, the token that `lading up` wrote, no login. */
async function ask(t: TestContext, url: string): Promise<string> {
  const rig = await CliRig.make()
  t.after(() => rig.close())
  const { api, place } = await makeTestApi()
  place.url = 'https://lading.example.test:8443'
  await rig.serveSocket(api)
  await writeFile(join(rig.folder, 'token'), 'the-token-of-this-server\n')
  const { protocol, host } = new URL(url)
  let out = ''
  const session = new Session({
    config: { ...readConfig(rig.environment), serverTokenFile: join(rig.folder, 'token') },
    terminal: new Terminal({
      out: { write: (text: string) => (out += text) },
      err: { write: () => 0 },
      hasColor: false,
    }),
    folder: rig.work,
    clock: systemClock,
    signal: t.signal,
    stdin: Readable.from([Buffer.from(`protocol=${protocol.slice(0, -1)}\nhost=${host}\n\n`)]) as NodeJS.ReadStream,
  })
  await credential(session, 'get')
  return out
}

test("root's git on the server is given the server's token, for the server's own platform only", async t => {
  assert.equal(await ask(t, 'https://lading.example.test:8443'), 'username=lading\npassword=the-token-of-this-server\n')
  assert.equal(await ask(t, 'https://lading.example.test'), 'quit=1\n')
  assert.equal(await ask(t, 'https://evil.example'), 'quit=1\n')
})
