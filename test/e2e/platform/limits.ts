import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LimitDocument } from '../../../src/api/documents.ts'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { App, Platform } from '../host.ts'

/** What an operator sets holds for what comes, and what runs goes on as it was started. */
export function limits(get: () => Platform): void {
  test(
    'a limit that was set holds for the next release, outlives the control plane, and can be taken back',
    outer,
    async () => {
      const platform = get()
      const app = await platform.create('limited', 'apps/hello')
      await app.push()
      await app.answers('v1')
      const set = await platform.cli(['limits', 'set', 'pids=77', 'tmpBytes=8M', 'configBytes=1K'])
      assert.equal(set.code, 0, set.stderr)
      assert.deepEqual(await pidsOf(app), ['512'])
      await app.lading(['set', 'GREETING=there'])
      await app.answers('v1 there')
      await eventually('only the new release runs', async () => (await pidsOf(app)).join() === '77')
      const tooMuch = await platform.cli(['set', `LONG=${'x'.repeat(1024)}`, '--app', app.name])
      assert.match(tooMuch.stderr, /1024 are allowed/)
      const push = await platform.cli(['limits', 'set', 'pids=64', 'openFiles=1'])
      assert.match(push.stderr, /openFiles cannot be "1"\nIt is a whole number from 256 to/)

      await platform.host.run(['docker', 'service', 'update', '--force', '--quiet', 'lading-control'])
      const all = await eventually('the new control plane answers', () => platform.json<LimitDocument[]>(['limits']))
      const isSet = all.filter(limit => limit.isSet).map(({ name, value }) => [name, value])
      assert.deepEqual(isSet, [
        ['pids', 77],
        ['tmpBytes', 8 * 1024 ** 2],
        ['configBytes', 1024],
      ])
      await platform.cli(['limits', 'unset', 'pids', 'tmpBytes', 'configBytes'])
      await app.lading(['scale', 'web=2'])
      await eventually('the defaults hold again', async () => (await pidsOf(app)).join() === '512,512')
      await app.lading(['destroy', '--confirm', app.name])
    },
  )
}

async function pidsOf({ platform: { host }, name }: App): Promise<string[]> {
  const ids = await host.run(['docker', 'ps', '--quiet', '--filter', `label=lading.app=${name}`])
  const format = '{{.HostConfig.PidsLimit}}'
  return (await host.run(['docker', 'inspect', '--format', format, ...ids.split('\n')])).split('\n')
}
