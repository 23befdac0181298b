import assert from 'node:assert/strict'
import { parseAppName, parseDomainName, production } from '../../../src/core/names.ts'
import { Secret } from '../../../src/core/secret.ts'
import { type Given, shop, key, rejectsWith } from './given.ts'

/** What a store promises of domains, certificates and orders. */
export function keepsDomains(given: Given): void {
  given('keeps a domain in one environment, over the whole platform, and with its app', async store => {
    const other = { app: parseAppName('blog'), environment: production }
    const domain = { ...key, name: parseDomainName('*.example.com'), by: 'ann', at: 7 }
    await rejectsWith('not-found', store.addDomain(domain))
    await store.createApp(shop, 'ann', 1)
    await store.createApp(other.app, 'ann', 2)
    assert.deepEqual(await store.addDomain(domain), domain)
    assert.deepEqual(await store.addDomain({ ...domain, by: 'bob', at: 8 }), domain)
    await rejectsWith('already-exists', store.addDomain({ ...domain, ...other }))
    const second = { ...domain, ...other, name: parseDomainName('blog.example.com') }
    await store.addDomain(second)
    assert.deepEqual(await store.listDomains(), [domain, second])
    await rejectsWith('not-found', store.removeDomain(other, domain.name))
    await store.removeDomain(key, domain.name)
    await rejectsWith('not-found', store.removeDomain(key, domain.name))
    assert.deepEqual(await store.addDomain({ ...domain, ...other }), { ...domain, ...other })
    await store.markAppDestroyed(other.app, 9)
    await rejectsWith('conflict', store.addDomain({ ...second, name: parseDomainName('late.example.com') }))
    await store.removeApp(other.app)
    assert.deepEqual(await store.listDomains(), [])
  })

  given('keeps certificates without showing their keys, and the ACME account', async store => {
    const facts = { issuer: 'CA', notBefore: 1, notAfter: 9, by: 'ann' }
    const own = { ...facts, id: 'aa', source: 'own', names: ['a.example.com'], at: 5 } as const
    const byAcme = { ...facts, id: 'bb', source: 'acme', names: ['*.example.com'], at: 6 } as const
    await store.saveCertificate(own, new Secret('first'))
    await store.saveCertificate({ ...own, by: 'bob' }, new Secret('again'))
    await store.saveCertificate(byAcme, new Secret('second'))
    assert.deepEqual(await store.listCertificates(), [byAcme, own])
    assert.equal((await store.openCertificate('aa'))?.reveal(), 'first')
    assert.equal(await store.openCertificate('cc'), null)
    await store.removeCertificate('aa')
    await rejectsWith('not-found', store.removeCertificate('aa'))

    assert.equal(await store.readAcme(), null)
    const settings = { directory: 'https://ca.test/', rehearsal: null, email: null, ca: null, dnsHook: 'dns' }
    const account = { ...settings, by: 'ann', at: 1, key: new Secret('key') }
    await store.writeAcme(account)
    await store.writeAcme({ ...account, email: 'a@b.test' })
    assert.deepEqual(await store.readAcme(), { ...account, email: 'a@b.test' })
    await store.removeAcme()
    assert.equal(await store.readAcme(), null)
  })

  given('keeps how far an order is; one whose CA was asked is not hurried', async store => {
    const order = { reason: 'no', attempts: 2, nextAt: 900, changedAt: 5 }
    const added = { ...order, name: parseDomainName('a.test.org'), state: 'added' } as const
    const seen = { ...order, name: parseDomainName('b.test.org'), state: 'seen' } as const
    for (const one of [added, seen, { ...seen, attempts: 3 }]) await store.saveOrder(one)
    for (const { name } of [added, seen]) await store.hurryOrder(name, 10)
    assert.deepEqual(await store.listOrders(), [
      { ...added, nextAt: 10 },
      { ...seen, attempts: 3 },
    ])
    await store.removeOrder(added.name)
    assert.equal((await store.listOrders()).length, 1)
  })
}
