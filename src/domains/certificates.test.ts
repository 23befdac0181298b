import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Clock } from '../core/clock.ts'
import { parseAppName, parseDomainName, parseHostName, production, type DomainName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { Authority } from './authority.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { CertificateRow } from '../store/store.ts'
import { bestOf, ShownCertificates } from './certificates.ts'

/** Days that pass when the test says so; the test goes on when the next one is waited for. */
function days() {
  let waits = Promise.withResolvers<void>()
  let pass = (): void => undefined
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        pass = resolve
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        waits.resolve()
      }),
  }
  return {
    clock,
    over: () => waits.promise,
    next: async () => {
      waits = Promise.withResolvers()
      pass()
      await waits.promise
    },
  }
}

test('a host that no one deploys gets its new certificate, and one that fails keeps no other from its own', async () => {
  const hosts = ['broken.example.org', 'shop.example.org'].map(parseHostName)
  const app = parseAppName('shop')
  const pems = new Map<DomainName, string>(hosts.map(host => [host, `first of ${host}`]))
  const given: string[] = []
  const warned: string[] = []
  const stop = new AbortController()
  const { clock, over, next } = days()
  const shown = new ShownCertificates(
    {
      edges: {
        state: async () => ({
          routes: [{ app, environment: production, hosts, release: 1 }],
          lanes: [],
          certificates: hosts,
          challenges: [],
        }),
        certify: async (_host, pem) => void given.push(pem.reveal()),
        uncertify: async host => assert.fail(host),
        onlyHttps: async host => assert.fail(host),
      },
      store: {
        listApps: async () => [{ app, createdBy: 'ann', createdAt: 1, destroyedAt: null }],
        listEnvironments: async () => [],
        listDomains: async () => hosts.map(name => ({ app, environment: production, name, by: 'ann', at: 1 })),
        listCertificates: async () => [],
        openCertificate: async () => null,
        removeCertificate: async id => assert.fail(id),
        readAcme: async () => null,
      },
      keptByOwnCa: { hosts: async () => [], forget: async host => assert.fail(host) },
      hosts: () => [],
      byOwnCa: async host => {
        if (host.startsWith('broken')) throw new Error('no CA')
        return new Secret(pems.get(host) ?? '')
      },
      ownHost: parseHostName('lading.example.org'),
      clock,
      warn: sentence => warned.push(sentence),
    },
    stop.signal,
  )
  const done = shown.run()
  await over()
  await next()
  pems.set(parseHostName('shop.example.org'), 'second of shop.example.org')
  await next()
  assert.deepEqual(given, ['first of shop.example.org', 'second of shop.example.org'])
  assert.deepEqual(warned, Array<string>(3).fill('the certificate of broken.example.org was not renewed'))
  stop.abort(new Error('the lease is over'))
  await done
})

test('of the certificates that cover a host one that was given comes first, then the one that ends later', () => {
  const row = (id: string, source: CertificateRow['source'], names: string[], notAfter: number): CertificateRow => ({
    ...{ id, source, names, notAfter, issuer: 'CA', notBefore: 0, by: 'ann', at: 0 },
  })
  const rows = [
    row('acme', 'acme', ['shop.example.org'], 900),
    row('ended', 'own', ['shop.example.org'], 99),
    row('wild', 'own', ['*.example.org'], 200),
    row('later', 'own', ['example.org', 'shop.example.org'], 300),
  ]
  const shown = (host: string, now: number) => bestOf(rows, parseDomainName(host), now)?.id ?? null
  assert.equal(shown('shop.example.org', 100), 'later')
  assert.equal(shown('shop.example.org', 300), 'acme')
  assert.equal(shown('shop.example.org', 900), null)
  assert.equal(shown('blog.example.org', 100), 'wild')
  assert.equal(shown('a.blog.example.org', 100), null)
  assert.equal(shown('*.example.org', 100), 'wild')
  assert.equal(shown('example.org', 100), 'later')
})

test('names that no one has lose certificate and key at the edges and at the platform CA, and get no other', async t => {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  t.after(() => store.close())
  const folder = await mkdtemp(join(tmpdir(), 'lading-authority-'))
  t.after(() => rm(folder, { recursive: true }))
  await ownCa(folder)
  const authority = new Authority(folder, systemClock)
  const atEdge = new Map<DomainName, string>()
  const signal = AbortSignal.timeout(60_000)
  const shop = { app: parseAppName('shop'), environment: production }
  const domain = parseDomainName('*.shop.test')
  const ownHost = parseHostName('lading.example.org')
  const shown = new ShownCertificates(
    {
      edges: {
        state: async () => ({ routes: [], lanes: [], certificates: [...atEdge.keys()], challenges: [] }),
        certify: async (host, pem) => void atEdge.set(host, pem.reveal()),
        uncertify: async host => void atEdge.delete(host),
        onlyHttps: async host => assert.fail(host),
      },
      store,
      byOwnCa: (host, until) => authority.certificate(host, until),
      keptByOwnCa: authority,
      hosts: ({ app }) => [parseHostName(`${app}.example.org`)],
      ownHost,
      clock: systemClock,
      warn: sentence => assert.fail(sentence),
    },
    signal,
  )
  for (const [id, source, names] of [
    ['a1', 'acme', [domain]],
    ['b2', 'own', ['shop.test', 'any.shop.test']],
    ['c3', 'own', ['*.example.org']],
  ] as const) {
    const row = { id, source, names, issuer: 'CA', notBefore: 0, notAfter: 1, by: 'ann', at: 0 }
    await store.saveCertificate(row, new Secret('pem'))
  }
  const rows = async () => (await store.listCertificates()).map(({ id }) => id).sort()
  const files = async () => (await readdir(join(folder, 'hosts'))).sort()
  await store.createApp(shop.app, 'ann', 1)
  await store.addDomain({ ...shop, name: domain, by: 'ann', at: 1 })
  await shown.certify([ownHost, parseHostName('shop.example.org'), domain], signal)
  await shown.forgetStrangers(signal)
  const all = ['_.shop.test.pem', 'lading.example.org.pem', 'shop.example.org.pem']
  assert.deepEqual(await files(), all)
  assert.equal(atEdge.size, 3)
  assert.deepEqual(await rows(), ['a1', 'c3'])
  // What a crash left half-made goes too.
  await writeFile(join(folder, 'hosts', 'gone.example.org.pem.key'), 'key')
  await store.removeDomain(shop, domain)
  await shown.forgetStrangers(signal)
  assert.deepEqual(await files(), all.slice(1))
  assert.deepEqual(await rows(), ['c3'])
  await assert.rejects(shown.certify([domain], signal), /belongs to no app here/)
  await store.markAppDestroyed(shop.app, 2)
  await shown.forgetStrangers(signal)
  assert.deepEqual(await files(), ['lading.example.org.pem'])
  assert.deepEqual([...atEdge.keys()], [ownHost])
  for (const stranger of ['co.uk', 'bank.example.com', 'shop.example.org', 'nobody.example.org'])
    await assert.rejects(shown.certify([parseHostName(stranger)], signal), /belongs to no app here/)
})

test('where ACME is on, hosts that show a certificate of it keep their visitors to HTTPS, and no other does', async t => {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  t.after(() => store.close())
  const shop = { app: parseAppName('shop'), environment: production }
  const [trusted, own, plain] = ['acme.example.com', 'own.example.com', 'plain.example.com'].map(parseHostName)
  const hosts = [trusted, own, plain].filter(host => host !== undefined)
  await store.createApp(shop.app, 'ann', 1)
  for (const name of hosts) await store.addDomain({ ...shop, name, by: 'ann', at: 1 })
  for (const source of ['acme', 'own'] as const) {
    const facts = { id: source, names: [`${source}.example.com`], issuer: 'CA', notBefore: 0, notAfter: 1e14 }
    await store.saveCertificate({ ...facts, source, by: 'ann', at: 0 }, new Secret('pem'))
  }
  let httpsOnly: readonly DomainName[] = []
  const signal = AbortSignal.timeout(60_000)
  const shown = new ShownCertificates(
    {
      edges: {
        state: async () => ({
          routes: [{ ...shop, hosts, release: 1 }],
          lanes: [],
          certificates: hosts,
          httpsOnly,
          challenges: [],
        }),
        certify: async () => undefined,
        uncertify: async host => assert.fail(host),
        onlyHttps: async (host, isOn) =>
          void (httpsOnly = isOn ? [...httpsOnly, host] : httpsOnly.filter(one => one !== host)),
      },
      store,
      byOwnCa: async () => new Secret('by the platform CA'),
      keptByOwnCa: { hosts: async () => [], forget: async host => assert.fail(host) },
      hosts: () => [],
      ownHost: parseHostName('lading.example.org'),
      clock: systemClock,
      warn: (sentence, error) => assert.fail(`${sentence} ${String(error)}`),
    },
    signal,
  )
  const settings = { rehearsal: null, email: null, ca: null, dnsHook: null, by: 'ann', at: 1, key: new Secret('key') }
  const directory = 'https://acme-v02.api.letsencrypt.org/directory'
  const after = async (acme: Parameters<typeof store.writeAcme>[0] | null) => {
    if (acme === null) await store.removeAcme()
    else await store.writeAcme(acme)
    await shown.changed()
    return httpsOnly
  }
  assert.deepEqual(await after(null), [])
  assert.deepEqual(await after({ ...settings, directory }), [trusted])
  assert.deepEqual(await after({ ...settings, directory, redirect: false }), [])
  assert.deepEqual(await after({ ...settings, directory, redirect: true }), [trusted])
  const staging = 'https://acme-staging-v02.api.letsencrypt.org/directory'
  assert.deepEqual(await after({ ...settings, directory: staging }), [])
  const named = 'https://ca.example.com/staging-of-parcels/directory'
  assert.deepEqual(await after({ ...settings, directory: named, isRehearsal: false }), [trusted])
  assert.deepEqual(await after({ ...settings, directory: 'https://test.example.com/', isRehearsal: true }), [])
  assert.deepEqual(await after({ ...settings, directory: named }), [trusted])
  await after({ ...settings, directory })
  assert.deepEqual(await after(null), [])
})

test('one look asks the edge, the names, the certificates and ACME once, whatever the number of hosts', async () => {
  const shop = { app: parseAppName('shop'), environment: production }
  const hosts = ['a.example.com', 'b.example.com', 'c.example.com'].map(parseHostName)
  const row = { source: 'acme', issuer: 'CA', notBefore: 0, notAfter: 1e14, by: 'acme', at: 0 } as const
  const settings = { rehearsal: null, email: null, ca: null, dnsHook: null, by: 'ann', at: 1, key: new Secret('key') }
  const asked: string[] = []
  const answer = async <T>(question: string, value: T) => {
    asked.push(question)
    return value
  }
  const state = { lanes: [], certificates: [], httpsOnly: [], challenges: [] }
  const onlyHttps: DomainName[] = []
  const shown = new ShownCertificates(
    {
      edges: {
        state: () => answer('state', { ...state, routes: [{ ...shop, hosts, release: 1 }] }),
        certify: async () => undefined,
        uncertify: async host => assert.fail(host),
        onlyHttps: async host => void onlyHttps.push(host),
      },
      store: {
        listApps: () => answer('apps', [{ app: shop.app, createdBy: 'ann', createdAt: 1, destroyedAt: null }]),
        listEnvironments: () => answer('environments', []),
        listDomains: () =>
          answer(
            'domains',
            hosts.map(name => ({ ...shop, name, by: 'ann', at: 1 })),
          ),
        listCertificates: () =>
          answer(
            'certificates',
            hosts.map(host => ({ ...row, id: host, names: [host] })),
          ),
        openCertificate: async () => new Secret('pem'),
        removeCertificate: async id => assert.fail(id),
        readAcme: () => answer('ACME', { ...settings, directory: 'https://ca.example.com/directory' }),
      },
      byOwnCa: async host => assert.fail(host),
      keptByOwnCa: { hosts: async () => [], forget: async host => assert.fail(host) },
      hosts: () => [],
      ownHost: parseHostName('lading.example.org'),
      clock: systemClock,
      warn: (sentence, error) => assert.fail(`${sentence} ${String(error)}`),
    },
    AbortSignal.timeout(60_000),
  )
  await shown.changed()
  assert.deepEqual(onlyHttps, hosts)
  assert.deepEqual(asked.sort(), ['ACME', 'apps', 'certificates', 'domains', 'environments', 'state'])
})

/** As `lading up` makes it, less its texts. */
async function ownCa(folder: string): Promise<void> {
  const argv = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '30']
  argv.push('-subj', '/O=Lading', '-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.pem'))
  await promisify(execFile)('openssl', argv)
}
