import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Platform } from '../host.ts'

interface Diagnosis {
  readonly checks: readonly {
    readonly title: string
    readonly fact: string | null
    readonly obstacles: readonly { readonly what: string; readonly next: string }[]
  }[]
}

/** `lading doctor` on a platform that is well, then with one thing after the other broken as others break it. */
export function doctor(get: () => Platform): void {
  test('nothing is wrong with a platform that is up', async () => {
    assert.deepEqual(await wrong(get()), [])
  })

  test('a firewall that somebody has flushed is found, and "lading up" mends it', async () => {
    const platform = get()
    await platform.host.run(['nft', 'delete', 'table', 'inet', 'lading'])
    assert.deepEqual(await wrong(platform), ['firewall: is missing, or not as this version makes it → lading up'])
    await mend(platform)
  })

  test('a keeper that is gone is found, with what does not answer for it, and "lading up" mends it', async () => {
    const platform = get()
    const keeper = await platform.host.run(['docker', 'ps', '-q', '--filter', 'label=lading.type=keeper'])
    await platform.host.run(['docker', 'rm', '--force', ...keeper.split('\n')])
    const found = await wrong(platform)
    assert.ok(found.includes('keeper: is missing, or not as this version makes it → lading up'), found.join('\n'))
    assert.match(found.find(line => line.startsWith('edge: ')) ?? '', /shows no good certificate .*ECONNREFUSED/)
    await mend(platform)
  })

  test("the engine's own rules are missed when they are flushed", async () => {
    const { host } = get()
    const rules = await host.run(['iptables-save', '--table', 'nat'])
    await host.run(['iptables', '--table', 'nat', '--flush'])
    await host.run(['iptables', '--table', 'nat', '--delete-chain', 'DOCKER'])
    try {
      assert.match((await wrong(get())).join('\n'), /^engine's own rules: are gone; .* → systemctl restart docker/)
    } finally {
      await host.run(['iptables-restore', '--table', 'nat'], { input: `${rules}\n` })
    }
    assert.deepEqual(await wrong(get()), [])
  })

  test('a report for bugs carries the diagnosis and our logs, and no secret', async () => {
    const { host, token } = get()
    await get().cli(['doctor', '--bundle', '/root/report.tar.gz'])
    assert.equal(await host.run(['stat', '--format=%a', '/root/report.tar.gz']), '600')
    await host.run(['mkdir', '/root/report'])
    await host.run(['tar', '-xzf', '/root/report.tar.gz', '-C', '/root/report'])
    assert.match(await host.run(['cat', '/root/report/log-control.txt']), /"event":"ready"/)
    assert.match(await host.run(['cat', '/root/report/doctor.json']), /"title": "disk"/)
    // A token may begin with a dash.
    const found = await host.exec(['grep', '-rF', '-e', token.trim(), '/root/report'])
    assert.equal(found.code, 1, found.stdout)
    await host.run(['rm', '-r', '/root/report', '/root/report.tar.gz'])
  })
}

/** What stands in the way, a line each. */
async function wrong(platform: Platform): Promise<string[]> {
  const { stdout, stderr, code } = await platform.cli(['doctor', '--json'])
  assert.ok(stdout.startsWith('{'), stderr)
  const { checks } = JSON.parse(stdout) as Diagnosis
  const lines = checks.flatMap(({ title, obstacles }) =>
    obstacles.map(({ what, next }) => `${title}: ${what} → ${next}`),
  )
  assert.equal(code, lines.length === 0 ? 0 : 1)
  return lines
}

async function mend(platform: Platform): Promise<void> {
  await platform.host.run(['/opt/lading/lading', 'up', '--no-hello'])
  assert.deepEqual(await wrong(platform), [])
}
