import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mirrorOf, sourceLines } from './mirror.ts'

test('a mirror of one’s own is found in both forms of sources', () => {
  assert.equal(
    mirrorOf('deb [signed-by=/k.gpg] http://mirror.example/debian/ trixie main\n'),
    'http://mirror.example/debian',
  )
  assert.equal(
    mirrorOf('Types: deb\nURIs: https://mirror.example/debian\nSuites: trixie\n'),
    'https://mirror.example/debian',
  )
})

test('Debian’s own mirror and other archives need no sources of their own', () => {
  assert.equal(mirrorOf('URIs: http://deb.debian.org/debian\n'), null)
  assert.equal(mirrorOf('deb https://deb.nodesource.com/node_20.x nodistro main\n# deb http://x/debian y main\n'), null)
  assert.deepEqual(sourceLines(null), [])
})

test('images from a mirror keep Debian’s security updates', () => {
  assert.equal(sourceLines('http://mirror.example/debian').length, 3)
})
