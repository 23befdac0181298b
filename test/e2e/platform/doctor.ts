import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { Host } from '../../rig/host.ts'
import type { Platform } from '../host.ts'
import { call, runOf } from '../kills/socket.ts'

const ca = '/var/lib/lading/control/ca'

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

  test('a firewall that someone has flushed is found, and "lading up" fixes it', async () => {
    const platform = get()
    await platform.host.run(['nft', 'delete', 'table', 'inet', 'lading'])
    assert.deepEqual(await wrong(platform), ['firewall: is missing, or not as this version makes it → lading up'])
    await mend(platform)
  })

  test('a keeper that is gone is found, with what does not answer for it, and "lading up" fixes it', async () => {
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

  test('images that were made before the certificates changed are one finding, which says so', async () => {
    const { host } = get()
    const bundle = '/etc/ssl/certs/ca-certificates.crt'
    const before = await readFile(await host.path(bundle))
    await appendFile(await host.path(bundle), `\n${await host.run(['cat', '/etc/lading/ca.pem'])}\n`)
    try {
      const found = await wrong(get())
      assert.equal(found.length, 1, found.join('\n'))
      assert.match(
        found[0]!,
        /^image base: was made before the certificates of this machine changed .* → lading up builds/,
      )
    } finally {
      await writeFile(await host.path(bundle), before)
    }
  })

  test('certificates near their end are found: the one that the edge shows, and the authority', async () => {
    const { host, domain } = get()
    const name = `lading.${domain}`
    const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', '/root/short.key']
    const authority = ['-CA', `${ca}/ca.pem`, '-CAkey', `${ca}/ca.key`]
    const short = ['-days', '3', '-subj', '/O=Lading', '-addext', `subjectAltName=DNS:${name}`]
    await host.run(['openssl', 'req', '-x509', ...authority, ...keys, ...short, '-out', '/root/short.crt'])
    await certify(host, name, await host.run(['cat', '/root/short.crt', `${ca}/ca.pem`, '/root/short.key']))
    const sameKey = ['openssl', 'x509', '-in', '/etc/lading/ca.pem', '-signkey', `${ca}/ca.key`, '-days', '30']
    const before = await host.run(['cat', '/etc/lading/ca.pem'])
    await writeFile(await host.path('/etc/lading/ca.pem'), await host.run(sameKey))
    try {
      const found = (await wrong(get())).join('\n')
      assert.match(found, new RegExp(`^edge: its certificate of ${name} ends in [23] days and was not renewed`, 'm'))
      assert.match(found, /^certificates: the platform's own CA ends in (29|30) days/m)
    } finally {
      await writeFile(await host.path('/etc/lading/ca.pem'), `${before}\n`)
      await certify(host, name, await host.run(['cat', `${ca}/hosts/${name}.pem`]))
    }
    assert.deepEqual(await wrong(get()), [])
  })

  test('a run that hangs is found, with how to end it', outer, async () => {
    const { host } = get()
    const app = await get().create('hangs', 'broken/never-listens')
    await app.write('lading.yaml', 'timeouts:\n  boot: 10m\n')
    const commit = await app.commit('Wait for long')
    const push = app.push()
    const run = await eventually('the release starts', async () => {
      const one = await runOf(host, app.name, commit)
      return one?.state === 'starting' ? one : null
    })
    // Its hours, without waiting for them.
    const later = `new (require('better-sqlite3'))('/var/lib/lading/control/lading.db').exec("UPDATE runs SET changed_at = changed_at - 3 * 3600000 WHERE id = '${run.id}'")`
    await host.run(['node', 'scripts/node24.mjs', '--eval', later], { cwd: '/opt/lading' })
    const found = await wrong(get())
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0]!, new RegExp(`^runs: hangs: ${run.id} is starting since .* lading runs cancel ${run.id}$`))
    await get().cli(['runs', 'cancel', run.id])
    assert.match((await push).stderr, /cancelled/)
    await app.lading(['destroy', '--confirm', app.name])
    assert.deepEqual(await wrong(get()), [])
  })

  test('a service of an app that no one knows is found', async () => {
    const { host } = get()
    const image = await host.run([
      'docker',
      'service',
      'inspect',
      '--format={{.Spec.TaskTemplate.ContainerSpec.Image}}',
      'lading-registry',
    ])
    const labels = ['--label', 'lading.app=ghost', '--label', 'lading.environment=production']
    const quiet = ['--detach', '--no-resolve-image', '--replicas', '0']
    await host.run(['docker', 'service', 'create', '--name', 'ghost', ...labels, ...quiet, image])
    try {
      const found = await wrong(get())
      assert.deepEqual(found, [
        'orphans: service ghost belongs to no app → It goes within some minutes; if it does not: docker service rm ghost',
      ])
    } finally {
      await host.exec(['docker', 'service', 'rm', 'ghost'])
    }
  })

  test('a base domain that leads nowhere, or astray, is found', outer, async () => {
    const { host, domain } = get()
    const names = await host.path('/etc/hosts')
    const before = await readFile(names, 'utf8')
    const elsewhere = host.address.replace(/\d+$/, '1')
    const up = (to: string) => host.run(['/opt/lading/lading', 'up', '--no-hello', '--domain', to])
    await up('well.test')
    try {
      assert.match(
        (await wrong(get())).join('\n'),
        /^DNS: lading\.well\.test has no address → Point \*\.well\.test at this machine/,
      )
      await writeFile(names, `${before}${elsewhere} lading.well.test\n`)
      const astray = new RegExp(
        `^DNS: lading\\.well\\.test is ${elsewhere}, and seen from here our edge does not answer at`,
      )
      assert.match((await wrong(get())).join('\n'), astray)
      await writeFile(names, `${before}${host.address} lading.well.test\n`)
      assert.deepEqual(await wrong(get()), [])
    } finally {
      await writeFile(names, before)
      await up(domain)
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

/** Under the control plane's own number: it is not in the way of this change. */
async function certify(host: Host, name: string, pem: string): Promise<void> {
  const { term } = JSON.parse((await call(host, 'keeper.sock', '/health')).text) as { readonly term: number }
  const headers = { 'lading-term': String(term) }
  const answer = await call(host, 'keeper.sock', `/edge/certificates/${name}`, {
    method: 'PUT',
    headers,
    body: `${pem}\n`,
  })
  assert.ok(answer.status < 300, answer.text)
}

/** What stands in the way, a line each. */
export async function wrong(platform: Platform): Promise<string[]> {
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
