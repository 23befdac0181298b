import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Platform } from '../host.ts'

/** The owner's token is changed by one command, while the control plane goes on. */
export function ownerToken(get: () => Platform): void {
  test('a changed token of the owner: the old one is refused at once, the new one taken, by the same control plane', async () => {
    const { host, domain } = get()
    const token = () => host.run(['cat', '/etc/lading/token'])
    const running = () => host.run(['docker', 'ps', '-q', '--filter', 'name=lading-control'])
    const status = (shown: string) => {
      const api = `lading.${domain}`
      const silent = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--resolve', `${api}:80:127.0.0.1`]
      return host.run(['curl', ...silent, '-H', `authorization: Bearer ${shown}`, `http://${api}/v1/info`])
    }
    const [old, before] = [await token(), await running()]
    assert.equal(await status(old), '200')
    await host.run(['/opt/lading/lading', 'rotate', 'owner-token'])
    assert.notEqual(await token(), old)
    assert.deepEqual([await status(old), await status(await token())], ['401', '200'])
    assert.equal(await running(), before)
  })
}
