import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAppName } from '../../core/names.ts'
import { permitted, sourcePolicy } from './rights.ts'

const shop = parseAppName('shop')
const digest = `sha256:${'a'.repeat(64)}`
const ask = (call: string, app = shop) => permitted(app, ...(call.split(' ') as [string, string]))

test("a build reads the platform's images and its own app's", () => {
  for (const call of [
    'GET /v2/',
    `HEAD /v2/lading/node/manifests/${digest}`,
    `GET /v2/lading/base/blobs/${digest}`,
    `HEAD /v2/shop/manifests/deps-1`,
    `GET /v2/shop/blobs/${digest}`,
  ])
    assert.equal(ask(call), call.split(' ')[1], call)
})

test('a build writes images of its own app', () => {
  for (const call of [
    'POST /v2/shop/blobs/uploads/',
    'PATCH /v2/shop/blobs/uploads/0f-1?_state=abc_-%3D',
    `PUT /v2/shop/blobs/uploads/0f-1?_state=abc&digest=sha256%3A${'a'.repeat(64)}`,
    'GET /v2/shop/blobs/uploads/0f-1',
    'DELETE /v2/shop/blobs/uploads/0f-1?_state=abc',
    'PUT /v2/shop/manifests/k1',
  ])
    assert.equal(ask(call), call.split(' ')[1], call)
})

test('whatever else there is to ask is refused', () => {
  for (const call of [
    // Others' images, and names that only look like its own.
    `GET /v2/blog/manifests/${digest}`,
    `GET /v2/blog/blobs/${digest}`,
    `GET /v2/shop2/manifests/1`,
    `GET /v2/shop/blog/manifests/1`,
    `GET /v2/lading/a/b/manifests/1`,
    'POST /v2/blog/blobs/uploads/',
    'PUT /v2/blog/manifests/1',
    `GET /v2/blog/blobs/uploads/0f`,
    // The platform's are for reading.
    'PUT /v2/lading/node/manifests/1',
    'POST /v2/lading/node/blobs/uploads/',
    // Lists and deletions.
    'GET /v2/_catalog',
    'GET /v2/shop/tags/list',
    `DELETE /v2/shop/manifests/${digest}`,
    `DELETE /v2/shop/blobs/${digest}`,
    // Ways of writing a path that the registry would tidy.
    `GET /v2/shop/../blog/manifests/1`,
    `GET /v2/shop/manifests/../../blog/manifests/1`,
    `GET /v2//shop/manifests/1`,
    `GET /v2/sh%6fp/manifests/1`,
    `GET /v2/shop%2f..%2fblog/manifests/1`,
    `GET http://127.0.0.1:5443/v2/blog/manifests/1`,
    'PATCH /v2/shop/blobs/uploads/../../../blog/blobs/uploads/1',
    'PATCH /v2/shop/blobs/uploads/1?a=b#/v2/blog',
    `GET /v2`,
    `GET /`,
    `OPTIONS /v2/`,
    'CONNECT shop:1',
  ])
    assert.equal(ask(call), null, call)
})

test('a blob is mounted from where it may be read, and has to be sent where it may not', () => {
  const from = (repository: string) => `POST /v2/shop/blobs/uploads/?mount=${digest}&from=${repository}`
  assert.equal(ask(from('lading%2Fnode')), `/v2/shop/blobs/uploads/?mount=${digest}&from=lading%2Fnode`)
  for (const repository of ['blog', 'lading', '', 'shop/../blog', 'lading%2Fnode%2F..%2F..%2Fblog'])
    assert.equal(ask(from(repository)), '/v2/shop/blobs/uploads/', repository)
  assert.equal(ask(`POST /v2/shop/blobs/uploads/?mount=${digest}`), '/v2/shop/blobs/uploads/')
  assert.equal(ask('POST /v2/shop/blobs/uploads/?mount=../x&from=lading/node'), '/v2/shop/blobs/uploads/')
  assert.equal(ask(`${from('lading/node')}&from=blog`), `/v2/shop/blobs/uploads/?mount=${digest}&from=lading%2Fnode`)
})

test('an app called like the namespace of the platform gains nothing', () => {
  const lading = parseAppName('lading')
  assert.equal(ask('PUT /v2/lading/node/manifests/1', lading), null)
  assert.equal(ask('GET /v2/lading/node/manifests/1', lading), '/v2/lading/node/manifests/1')
})

test('the policy for BuildKit denies all of our registry but the app itself and the platform', () => {
  const { rules } = JSON.parse(sourcePolicy(shop)) as { rules: { action: string; selector: { identifier: string } }[] }
  assert.deepEqual(
    rules.map(rule => `${rule.action} ${rule.selector.identifier}`),
    [
      'DENY docker-image://127.0.0.1:5443/*',
      'ALLOW docker-image://127.0.0.1:5443/shop:*',
      'ALLOW docker-image://127.0.0.1:5443/shop@*',
      'ALLOW docker-image://127.0.0.1:5443/lading/*',
    ],
  )
})
