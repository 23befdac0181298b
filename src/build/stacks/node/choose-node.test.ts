import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseNode } from './choose-node.ts'
import { neededNode, type NeededNode } from './needed-version.ts'
import { parsePackage } from './package.ts'

const choose = (engines: string | null, asked: string | null = null, needed: NeededNode | null = null) => {
  const major = /\d+/.exec(asked ?? '')?.[0] ?? ''
  const file = { file: '.nvmrc', text: asked ?? '', major }
  return chooseNode({ engines, asked: asked === null ? null : file, needed, platforms: '24.21.0' })
}
const versionOf = (engines: string | null, asked: string | null = null) => choose(engines, asked).version

test('without a wish, or where it fits, the platform’s own is taken', () => {
  for (const range of [null, '>=18', '24.x', '^24', '*', '20 || >=24'])
    assert.deepEqual([choose(range).version, choose(range).isPlatforms, choose(range).warnings], ['24.21.0', true, []])
})

test('of a range that it does not fit, the newest that does', () => {
  assert.equal(versionOf('22.x'), '22.23.5')
  assert.equal(versionOf('>=18 <23'), '22.23.5')
  assert.equal(versionOf('^16 || ^18'), '18.20.8')
  assert.deepEqual(choose('22.x').warnings, [])
})

test('a file that names one counts before a range that it fits, and not before one that it does not', () => {
  assert.equal(versionOf('>=18', '22'), '22.23.5')
  assert.equal(versionOf('20.x', '22'), '20.20.2')
  assert.equal(versionOf(null, '26'), '26.12.1')
})

test('what cannot be had, and what gets no fixes, is a warning that names the version taken', () => {
  assert.deepEqual(choose('22.11.0').warnings, [
    'package.json asks for Node 22.11.0; this image has Node 22.23.5, of the same major',
  ])
  assert.match(
    choose(null, 'v22.11.0').warnings.join(),
    /^\.nvmrc asks for Node v22\.11\.0; this image has Node 22\.23\.5/,
  )
  assert.match(
    choose(null, '19').warnings.join(),
    /asks for Node 19; this image has Node 24\.21\.0\. There are 14, 16, 18/,
  )
  assert.match(choose('12.x').warnings.join(), /asks for Node 12\.x; this image has Node 24\.21\.0/)
  assert.deepEqual(choose('18').warnings, ['Node 18 gets no security fixes any more'])
  assert.deepEqual(choose('what this is').version, '24.21.0')
})

test('a dependency that needs more than was asked for gets the least that fits both, and the push says so', () => {
  const needed = neededNode(parsePackage('{"dependencies":{"next":"latest"}}'))
  assert.deepEqual(choose(null, '18', needed), {
    version: '20.20.2',
    isPlatforms: false,
    warnings: [
      '.nvmrc asks for Node 18, but next 16 needs >=20.9.0: this image has Node 20.20.2',
      'Node 20 gets no security fixes any more',
    ],
  })
  assert.equal(choose('>=18 <21', null, needed).version, '20.20.2')
  assert.equal(choose('>=22', '18', needed).version, '24.21.0')
  assert.equal(choose('18.x', null, needed).version, '20.20.2')
  assert.equal(choose(null, '20', needed).warnings.length, 1)
})

test('what is not known to need a newer Node asks for none', () => {
  const of = (next: string) => neededNode(parsePackage(JSON.stringify({ dependencies: { next } })))
  assert.equal(of('^14.2.0'), null)
  assert.equal(of('github:vercel/next.js'), null)
  assert.equal(of('~15.1')?.range, '^18.18.0 || ^19.8.0 || >=20.0.0')
  assert.equal(of('17.0.0')?.by, 'next 17')
  assert.equal(neededNode(parsePackage('{}')), null)
})
