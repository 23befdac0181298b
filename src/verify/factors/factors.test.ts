import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkFactors } from './check.ts'
import type { FactorVerdict, Tree } from './factor.ts'

type Files = Readonly<Record<string, string>>

const treeOf = (files: Files): Tree => ({
  paths: () => Promise.resolve(new Set(Object.keys(files))),
  text: (path, most) => Promise.resolve(files[path]?.slice(0, most) ?? null),
})

// Put together here, so that no tool that looks for secrets finds one in this file.
const aws = `AK${'IA'}QZ7RT2XWPL9NMKJ4`
const github = `gh${'p_'}${'a1B2c3D4e5'.repeat(4)}`
const key = `-----BEGIN ${'PRIVATE KEY'}-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC'.repeat(2)}\n`
const random = `k9Xz${'3mQv7LpR2wTn8YbJ5hFc'}`

const manifest = (version: string) => JSON.stringify({ name: 'shop', dependencies: { ms: version } })
const lock = (version: string) =>
  JSON.stringify({ lockfileVersion: 3, packages: { '': { name: 'shop', dependencies: { ms: version } } } })
const whole: Files = {
  'package.json': manifest('^2.1.3'),
  'package-lock.json': lock('^2.1.3'),
  'server.js': 'listen()',
}

interface Fixture {
  readonly files: Files
  readonly II: FactorVerdict['state']
  readonly III: FactorVerdict['state']
}

/** Each breaks one factor, or none and looks as if it did. */
const fixtures: Readonly<Record<string, Fixture>> = {
  'keeps both': { files: whole, II: 'kept', III: 'kept' },
  'no lock file': { files: { 'package.json': manifest('1'), 'a.js': '1' }, II: 'broken', III: 'kept' },
  'lock file of another version': {
    files: { ...whole, 'package-lock.json': lock('^1.0.0') },
    II: 'broken',
    III: 'kept',
  },
  'package that only the lock file has': {
    files: { ...whole, 'package.json': '{"name":"shop"}' },
    II: 'broken',
    III: 'kept',
  },
  'no packages at all': { files: { 'package.json': '{"name":"shop"}' }, II: 'kept', III: 'kept' },
  yarn: { files: { 'package.json': manifest('1'), 'yarn.lock': '' }, II: 'kept', III: 'kept' },
  'Gemfile alone': { files: { Gemfile: 'gem "rack"\n' }, II: 'broken', III: 'kept' },
  'Gemfile without gems': { files: { Gemfile: 'source "https://rubygems.org"\n' }, II: 'not seen', III: 'kept' },
  'Cargo without lock': { files: { 'Cargo.toml': '[dependencies]\nserde = "1"\n' }, II: 'broken', III: 'kept' },
  'go without sums': { files: { 'go.mod': 'module x\nrequire a.b/c v1.0.0\n' }, II: 'broken', III: 'kept' },
  'go without packages': { files: { 'go.mod': 'module x\n' }, II: 'not seen', III: 'kept' },
  'composer with PHP alone': { files: { 'composer.json': '{"require":{"php":">=8"}}' }, II: 'not seen', III: 'kept' },
  'requirements that float': { files: { 'requirements.txt': 'flask\n' }, II: 'at risk', III: 'kept' },
  'requirements that are pinned': {
    files: { 'requirements.txt': '# x\nflask==3.1.0\n-r more.txt\n' },
    II: 'kept',
    III: 'kept',
  },
  'static pages': { files: { 'index.html': '<p>hello</p>' }, II: 'not seen', III: 'kept' },
  'key of AWS': { files: { ...whole, 'config.js': `const id = '${aws}'` }, II: 'kept', III: 'broken' },
  'token of GitHub in .env': { files: { ...whole, '.env': `TOKEN=${github}\n` }, II: 'kept', III: 'broken' },
  'private key': { files: { ...whole, 'deploy/id.pem': key }, II: 'kept', III: 'broken' },
  'password in an address': {
    files: { ...whole, 'db.js': `connect('postgres://shop:q7Gh2kLw@db.internal.net/shop')` },
    II: 'kept',
    III: 'broken',
  },
  'random value under a telling name': {
    files: { ...whole, 'app.py': `API_TOKEN = "${random}"\n` },
    II: 'kept',
    III: 'at risk',
  },
  'key in a test': { files: { ...whole, 'test/aws.test.js': `sign('${aws}')` }, II: 'kept', III: 'at risk' },
  'key of a manual': { files: { ...whole, 'a.js': `'AKIA${'IOSFODNN7'}EXAMPLE'` }, II: 'kept', III: 'kept' },
  '.env.example': { files: { ...whole, '.env.example': 'TOKEN=your-token-here\n' }, II: 'kept', III: 'kept' },
  'neighbour in a compose file': {
    files: { ...whole, 'compose.yaml': 'DATABASE_URL: postgres://shop:devdevdev@db/shop\n' },
    II: 'kept',
    III: 'kept',
  },
  'password from the environment': {
    files: { ...whole, 'a.js': 'connect(`postgres://shop:${process.env.DB_PASSWORD}@db.internal.net`)' },
    II: 'kept',
    III: 'kept',
  },
  'name of a header': {
    files: { ...whole, 'a.js': `const tokenHeader = "x-csrf-token-of-this-session"` },
    II: 'kept',
    III: 'kept',
  },
  'public key': {
    files: { ...whole, 'ca.pem': `-----BEGIN PUBLIC KEY-----\n${'MIIB'.repeat(16)}\n` },
    II: 'kept',
    III: 'kept',
  },
  'marker alone': {
    files: { ...whole, 'pem.js': `text.includes('-----BEGIN ${'PRIVATE KEY'}-----')\nnext()` },
    II: 'kept',
    III: 'kept',
  },
  'hashes of a lock file': { files: { ...whole, 'yarn.lock': `token "${random}${random}"` }, II: 'kept', III: 'kept' },
}

test('each fixture that breaks a factor is found, and nothing else is', async context => {
  const rows = await Promise.all(
    Object.entries(fixtures).map(async ([name, { files, II, III }]) => {
      const found = Object.fromEntries((await checkFactors(treeOf(files))).map(({ factor, state }) => [factor, state]))
      return { name, should: { II, III }, found: { II: found['II'], III: found['III'] } }
    }),
  )
  const loud = (state?: string) => state === 'broken' || state === 'at risk'
  const all = rows.flatMap(({ should, found }) =>
    (['II', 'III'] as const).map(one => [should[one], found[one]] as const),
  )
  const hits = all.filter(([should, found]) => loud(should) && found === should).length
  const missed = all.filter(([should, found]) => loud(should) && found !== should).length
  const alarms = all.filter(([should, found]) => !loud(should) && loud(found)).length
  context.diagnostic(`${rows.length} trees: ${hits} hits, ${missed} missed, ${alarms} false alarms`)
  assert.deepEqual(
    rows.map(({ name, found }) => ({ name, ...found })),
    rows.map(({ name, should }) => ({ name, ...should })),
  )
})

test('evidence has path and line, says how to fix it, and never shows the secret', async () => {
  const found = await checkFactors(treeOf({ ...whole, 'src/s3.js': `\nconst id = '${aws}'\n` }))
  const config = found.find(({ factor }) => factor === 'III')
  assert.deepEqual(config?.evidence, ['src/s3.js line 2: an access key of AWS (AKIA…)'])
  assert.match(config?.mend ?? '', /revoked/)
  assert.equal(JSON.stringify(found).includes(aws), false)
})

test('a tree of long lines and thousands of files is read within bounds', async () => {
  const long = `${'a://b:'.repeat(200_000)}\n${'secret_token = "'.repeat(50_000)}`
  const files = Object.fromEntries(Array.from({ length: 6_000 }, (_, n) => [`f${n}.txt`, n < 20 ? long : 'x']))
  const config = (await checkFactors(treeOf(files))).find(({ factor }) => factor === 'III')
  assert.deepEqual(config?.evidence, ['no credential in 5000 files'])
})
