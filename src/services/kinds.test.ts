import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseImageReference } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { kinds, parseKind } from './kinds.ts'

const base = parseImageReference(`127.0.0.1:5443/lading/base@sha256:${'b'.repeat(64)}`)
const credentials = { user: 'a_0a1b2c', password: new Secret('c0ffee5ec7e7') }

for (const kind of kinds) {
  test(`${kind.name}: the password stands in no argument, and in the URL that the app gets`, () => {
    const { command, input } = kind.grant(credentials)
    assert.doesNotMatch(command.join(' '), /c0ffee5ec7e7/)
    assert.match(input, /c0ffee5ec7e7/)
    const url = new URL(kind.url('lading-service-db-0a0a0a0a', credentials))
    assert.deepEqual(
      [url.username, url.password, url.hostname, Number(url.port)],
      ['a_0a1b2c', 'c0ffee5ec7e7', 'lading-service-db-0a0a0a0a', kind.port],
    )
    assert.match(kind.revoke(credentials.user).input, /a_0a1b2c/)
  })

  test(`${kind.name}: its image is Debian's packages on our base, and its process is not root`, () => {
    const lines = kind.image.dockerfile(base).split('\n')
    assert.equal(lines[0], `FROM ${base}`)
    assert.ok(lines.some(line => /^USER (?!root)/.test(line)))
    for (const file of Object.keys(kind.image.files))
      assert.ok(lines.some(line => line.startsWith('COPY') && line.split(' ').includes(file)))
  })

  test(`${kind.name}: what it is told a second time is the same, and it names limits`, () => {
    assert.deepEqual(kind.grant(credentials), kind.grant(credentials))
    assert.deepEqual(kind.revoke(credentials.user), kind.revoke(credentials.user))
    assert.ok(kind.limits.connections > 0 && (kind.limits.bytes ?? kind.memory) <= kind.memory)
  })
}

test('repositories, ports and places of two kinds never meet', () => {
  for (const one of ['name', 'port', 'folder'] as const)
    assert.equal(new Set(kinds.map(kind => kind[one])).size, kinds.length)
  for (const { name } of kinds) assert.match(name, /^[a-z]+$/)
})

test('an unknown kind is told what there is', () => {
  assert.throws(() => parseKind('oracle'), {
    code: 'invalid-input',
    hint: /postgres \(PostgreSQL 17\), mariadb \(MariaDB 11\.8\), valkey \(Valkey 8\)/,
  })
})
