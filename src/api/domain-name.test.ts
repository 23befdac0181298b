import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseAppName, production } from '../core/names.ts'
import { parseNewDomain } from './domain-name.ts'

const shop = { app: parseAppName('shop'), environment: production }
const parse = (text: string) => parseNewDomain(text, shop, 'example.test')

void suite('a domain', () => {
  test('is no name below which everybody registers, in whatever spelling', () => {
    const everybodys = [
      'co.uk',
      'com.au',
      'github.io',
      's3.amazonaws.com',
      'kobe.jp',
      'any.ck',
      '公司.cn',
      'herokuapp.com',
    ]
    for (const suffix of everybodys)
      for (const text of [suffix, `*.${suffix}`, `${suffix}.`, ` ${suffix.toUpperCase()} `])
        assert.throws(() => parse(text), /belongs to everybody/, text)
    for (const text of ['com', '*.com', 'uk', '*.uk.', '*', 'xn--p1ai', '*.рф']) assert.throws(() => parse(text), text)
  })

  test('is a name that someone has registered, or one below it', () => {
    for (const text of [
      'example.co.uk',
      '*.example.co.uk',
      'me.github.io',
      'shop.internal',
      'www.ck',
      'a.b.example.com',
    ])
      assert.equal(parse(text), text)
    assert.equal(parse('Bücher.Example.'), 'xn--bcher-kva.example')
  })
})
