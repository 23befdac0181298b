import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBase } from './old-images.ts'

test('an image stands on another when it begins with all of its layers', () => {
  assert.equal(isBase(['a', 'b'], ['a', 'b', 'c']), true)
  assert.equal(isBase(['a', 'b'], ['a', 'b']), true)
  assert.equal(isBase(['a', 'x'], ['a', 'b', 'c']), false)
  assert.equal(isBase(['a', 'b', 'c'], ['a', 'b']), false)
})
