import assert from 'node:assert/strict'
import { test } from 'node:test'
import { letsEncrypt } from '../core/lets-encrypt.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { CertificateRow } from '../store/store.ts'
import { PlatformCertificates } from './platform-certificates.ts'

const row: CertificateRow = {
  id: 'aaaa',
  source: 'acme',
  names: ['shop.example.com'],
  issuer: 'CA',
  notBefore: 0,
  notAfter: 1e14,
  by: 'acme',
  at: 1,
}

test('from rehearsals to a real directory: their certificates go first, what was given and real ones stay', async t => {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  t.after(() => store.close())
  const unused = async () => assert.fail('not asked')
  const certificates = new PlatformCertificates({
    store,
    edges: { state: unused },
    shown: {
      changed: async () => undefined,
      facts: unused,
      isPinned: () => false,
      pemFor: unused,
      rowFor: () => null,
      shownFor: unused,
    },
    orders: { assertAccount: async () => undefined, wake: () => undefined },
    hooks: { assert: unused },
    ownership: { assert: unused },
    clock: systemClock,
  })
  const settings = { rehearsal: null, email: null, ca: null, dnsHook: null, by: 'ann', at: 1 }
  const left = async (directory: string, isRehearsal = false) => {
    await certificates.turnOn({ ...settings, directory, isRehearsal })
    return (await store.listCertificates()).map(({ id }) => id).sort()
  }
  const pem = new Secret('pem')
  await store.saveCertificate({ ...row, id: 'own', source: 'own' }, pem)
  await left('https://ca.example.com/test', true)
  await store.saveCertificate(row, pem)
  assert.deepEqual(await left('https://ca.example.com/other-test', true), ['aaaa', 'own'])
  assert.deepEqual(await left(letsEncrypt.directory), ['own'])
  await store.saveCertificate({ ...row, id: 'real' }, pem)
  assert.deepEqual(await left('https://ca.example.com/'), ['own', 'real'])
})
