import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checkGiven } from './given.ts'

const folder = mkdtempSync(join(tmpdir(), 'lading-given-'))
after(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
const text = (name: string) => readFileSync(at(name), 'utf8')

/** A certificate and its key, by OpenSSL: of `by`, or signed by itself. */
function make(name: string, { by, names, isCa }: { by?: string; names?: string; isCa?: boolean } = {}): void {
  const argv = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '10']
  argv.push('-subj', `/O=Test/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`))
  argv.push('-addext', `basicConstraints=critical,CA:${isCa ? 'TRUE' : 'FALSE'}`)
  if (names !== undefined) argv.push('-addext', `subjectAltName=${names}`)
  if (by !== undefined) argv.push('-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`))
  execFileSync('openssl', argv, { stdio: 'ignore' })
}

make('root', { isCa: true })
make('middle', { isCa: true, by: 'root' })
make('shop', { by: 'middle', names: 'DNS:shop.example.com,DNS:*.example.org' })
make('stranger', { isCa: true })
make('alone', { names: 'DNS:alone.example.com' })
make('nameless')

const now = Date.now()
const given = (certificates: readonly string[], key: string, when = now) =>
  checkGiven({ chain: certificates.map(name => text(`${name}.pem`)).join('\n'), key: text(`${key}.key`) }, when)
const refused = (certificates: readonly string[], key: string, when = now) => {
  let message = 'taken'
  try {
    given(certificates, key, when)
  } catch (error) {
    message = (error as Error).message
  }
  return message
}

test('a chain is taken in whatever order it comes, and given on in its own', () => {
  const { facts, pem } = given(['root', 'shop', 'middle'], 'shop')
  assert.deepEqual(facts.names, ['shop.example.com', '*.example.org'])
  assert.equal(facts.issuer, 'Test middle')
  assert.match(facts.id, /^[0-9a-f]{16}$/)
  const blocks = pem.reveal().match(/-----BEGIN [^]+?-----END [A-Z ]+-----/g) ?? []
  const parts = ['shop.pem', 'middle.pem', 'root.pem'].map(name => text(name).trim())
  assert.deepEqual(blocks.slice(0, 3), parts)
  assert.match(blocks[3] ?? '', /PRIVATE KEY/)
  assert.equal(given(['alone'], 'alone').facts.issuer, 'Test alone')
})

test('what a browser would refuse is refused before, with the reason', () => {
  assert.equal(refused(['shop', 'middle'], 'alone'), 'the key belongs to none of the certificates')
  assert.match(refused(['shop'], 'shop'), /^the chain stops at its first certificate: Test middle, who issued it/)
  assert.equal(
    refused(['shop', 'middle', 'stranger'], 'shop'),
    'Test stranger does not belong to the chain of this certificate',
  )
  assert.equal(refused(['root'], 'root'), 'this is the certificate of a CA, not that of a server')
  assert.match(refused(['nameless'], 'nameless'), /names no host/)
  assert.match(refused(['alone'], 'alone', now + 11 * 86_400_000), /^the certificate ended on 20/)
  assert.match(refused(['alone'], 'alone', now - 86_400_000), /^the certificate begins on 20.* only/)
})

test('files that are no certificate and no key are told', () => {
  const check = (chain: string, key: string) => () => checkGiven({ chain, key }, now)
  assert.throws(check('', text('shop.key')), /there is no certificate in the chain/)
  assert.throws(check(text('alone.pem'), 'nonsense'), /the key cannot be read/)
  assert.throws(check(text('alone.pem'), '-----BEGIN ENCRYPTED PRIVATE KEY-----'), /the key is encrypted/)
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
  assert.throws(check(`${text('alone.pem')}${broken}`, text('alone.key')), /certificate 2 of 2 cannot be read/)
})
