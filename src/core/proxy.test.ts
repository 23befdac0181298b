import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyOf, proxyVariables } from './proxy.ts'

test('an environment without a proxy has none, whatever it excepts', () => {
  assert.equal(proxyOf({}), null)
  assert.equal(proxyOf({ http_proxy: '', no_proxy: 'localhost' }), null)
  assert.deepEqual(proxyVariables(null), {})
})

test('lower case wins over upper, an address without a scheme is http', () => {
  const proxy = proxyOf({
    http_proxy: 'proxy:3128',
    HTTP_PROXY: 'http://other',
    HTTPS_PROXY: 'https://p',
    NO_PROXY: 'a, .b',
  })
  assert.deepEqual(proxy, { http: 'http://proxy:3128', https: 'https://p', except: ['a', '.b'] })
})

test('programs get both cases, and what is not set not at all', () => {
  assert.deepEqual(proxyVariables({ http: null, https: 'http://p', except: ['a', '.b'] }), {
    https_proxy: 'http://p',
    HTTPS_PROXY: 'http://p',
    no_proxy: 'a,.b',
    NO_PROXY: 'a,.b',
  })
})
