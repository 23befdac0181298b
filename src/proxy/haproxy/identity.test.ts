import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { identityPattern } from './identity.ts'

const isRemoved = (name: string) => new RegExp(identityPattern()).test(name.toLowerCase())

const claimed = [
  ...['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-Port', 'X-Forwarded-Prefix'],
  ...['X-Forwarded-Ssl', 'X-Forwarded-Scheme', 'X-Forwarded', 'X-Forwarded-Server', 'X-Forwarded-Client-Cert'],
  ...['Forwarded', 'Forwarded-For', 'X-Real-IP', 'X-Client-IP', 'Client-IP', 'True-Client-IP', 'X-Cluster-Client-IP'],
  ...['X-Original-URL', 'X-Original-Host', 'X-Rewrite-URL', 'X-Url-Scheme', 'Front-End-Https', 'X-Remote-User'],
  ...['Remote-User', 'X-Request-Start', 'Proxy', 'X-SSL-Client-Verify', 'SSL-Client-S-DN'],
]
const separators = ['_', '.', '~', '!', '#', '$', '%', '&', "'", '*', '+', '^', '`', '|']

/** Every way to put one of two separators between the words. */
function mixed(name: string, other: string): string[] {
  const [first = '', ...rest] = name.split('-')
  return rest.reduce((begun, word) => begun.flatMap(text => [`${text}-${word}`, `${text}${other}${word}`]), [first])
}

void suite('what says who asks, sent by a client', () => {
  test('goes in every spelling that an app reads as the same variable', () => {
    for (const name of claimed)
      for (const separator of separators)
        for (const spelling of mixed(name, separator)) assert.ok(isRemoved(spelling), spelling)
  })

  test('goes in every spelling but the plain one where the plain one is looked at by itself', () => {
    for (const name of ['X-Request-Id', 'Content-Length', 'Content-Type', 'Transfer-Encoding']) {
      assert.ok(!isRemoved(name), name)
      for (const separator of separators)
        for (const spelling of mixed(name, separator).slice(1)) assert.ok(isRemoved(spelling), spelling)
    }
  })

  test('and nothing else goes', () => {
    const others = ['Host', 'Cookie', 'Accept', 'Authorization', 'Content-Encoding', 'User-Agent', 'Upgrade', 'api_key']
    others.push(
      'X-Api-Key',
      'X_Api_Key',
      'Proxy-Authorization',
      'CF-Connecting-IP',
      'X-Requested-With',
      'Via',
      'Origin',
    )
    others.push('Sec-WebSocket-Key', 'X-CSRF-Token', 'X-GitHub-Event', 'If-None-Match', 'Traceparent', 'Client-Id')
    for (const name of others) assert.ok(!isRemoved(name), name)
  })
})
