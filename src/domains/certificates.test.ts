import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../core/clock.ts'
import { parseAppName, parseDomainName, parseHostName, production, type DomainName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
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

test('a host that nobody deploys gets its new certificate, and one that fails keeps no other from its own', async () => {
  const hosts = ['broken.example.org', 'shop.example.org'].map(parseHostName)
  const pems = new Map<DomainName, string>(hosts.map(host => [host, `first of ${host}`]))
  const given: string[] = []
  const warned: string[] = []
  const stop = new AbortController()
  const { clock, over, next } = days()
  const shown = new ShownCertificates(
    {
      edges: {
        state: async () => ({
          routes: [{ app: parseAppName('shop'), environment: production, hosts, release: 1 }],
          lanes: [],
          certificates: hosts,
          challenges: [],
        }),
        certify: async (_host, pem) => void given.push(pem.reveal()),
        uncertify: async host => assert.fail(host),
      },
      store: { listDomains: async () => [], listCertificates: async () => [], openCertificate: async () => null },
      byOwnCa: async host => {
        if (host.startsWith('broken')) throw new Error('no CA')
        return new Secret(pems.get(host) ?? '')
      },
      ownHost: parseHostName('lading.example.org'),
      baseDomain: parseHostName('example.org'),
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
