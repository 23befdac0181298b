import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readHeaders } from './headers.ts'
import { patternOf } from './pattern.ts'
import { readRedirects } from './redirects.ts'

const fallback = (text: string) => readRedirects(text).fallback
const why = (text: string) => readRedirects(text).skipped.map(({ line, why }) => `${line}: ${why}`)

test('a star is the rest of a path, a name one part of it', () => {
  const matches = (pattern: string, path: string) => new RegExp(patternOf(pattern) ?? '').test(path)
  assert.ok(matches('/blog/*', '/blog/a/b') && matches('/blog/*', '/blog') && !matches('/blog/*', '/blogs'))
  assert.ok(matches('/user/:id', '/user/7') && !matches('/user/:id', '/user/7/x'))
  assert.ok(matches('/*', '/') && matches('/*.js', '/a.js') && !matches('/*.js', '/ajs'))
  assert.equal(patternOf('/a"b'), null)
  assert.equal(patternOf('/a$b'), null)
  assert.equal(patternOf('blog'), null)
})

test('a redirect is permanent unless it says otherwise, and keeps the question', () => {
  assert.deepEqual(fallback('/a /b'), ['if ($asked ~ "^/a$") { return 301 "/b$is_args$args"; }'])
  assert.match(fallback('/user/:id /people/:id 302')[0] ?? '', /return 302 "\/people\/\$\{way_id\}\$is_args\$args"/)
  assert.match(fallback('/a https://b.example:8080/:splat')[0] ?? '', /"https:\/\/b\.example:8080\/:splat/)
  assert.match(fallback('/a /b?c=d')[0] ?? '', /return 301 "\/b\?c=d";/)
})

test('200 is another page under the same address, and `!` counts where there is a file', () => {
  assert.match(fallback('/* /index.html 200')[0] ?? '', /rewrite \^ "\/index\.html" break/)
  const { forced, fallback: none } = readRedirects('/a /b 301!')
  assert.deepEqual([forced.length, none.length], [1, 0])
})

test('what means nothing here is named by its line', () => {
  assert.deepEqual(why('\n# a\n/a /b 418'), ['3: the status 418 is not one of 200, 301, 302, 303, 307, 308, 404'])
  assert.deepEqual(why('/a https://b.example/ 200'), ['1: another site is not fetched for visitors'])
  assert.deepEqual(why('/a /b 301 Country=de'), ['1: conditions are not known here'])
  assert.deepEqual(why('/a /b";}'), ['1: write FROM TO STATUS, where TO is a path or an address'])
  assert.deepEqual(why('/a /$host'), ['1: write FROM TO STATUS, where TO is a path or an address'])
})

test('headers by path: the last that fits counts, and nothing of a value is nginx’s', () => {
  const { http, server, cache, skipped } = readHeaders(
    '/*\n  X-A: one\n/b/*\n  X-A: say "two"; x\n  Cache-Control: no-store\n  X-B: $host\n  ETag: 1\n',
  )
  assert.match(http.join('\n'), /\$header_0 \{ default ""; "~\^\/b.*say \\"two\\"; x"; "~\^.*" "one"; \}/)
  assert.deepEqual(server, ['add_header x-a $header_0 always;'])
  assert.equal(cache, '$header_1')
  assert.deepEqual(
    skipped.map(({ line }) => line),
    [6, 7],
  )
})
