import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { asLogLine, parseRouterLine } from './router-log.ts'

function line(changes: Partial<Record<'slot' | 'status' | 'state' | 'path' | 'tls', string>> = {}): string {
  const { slot = 'h1_tcp_4_1/s1', status = '200', state = '--', path = '/', tls = '0' } = changes
  const fields = ['shop/production', slot, status, state, '108', '0', '1', '17', '19', '10.79.0.1', tls]
  return `2026-11-24T13:57:05.748343+00:00 ${[...fields, 'some-id', 'GET', 'shop.test', path].join('\t')}`
}

const text = (raw: string) => parseRouterLine(raw)?.line

void suite("the router's log", () => {
  test("a request is told in Heroku's words", () => {
    const entry = parseRouterLine(line({ tls: '1' }))
    assert.ok(entry)
    assert.deepEqual(
      asLogLine(entry, slot => (slot === 'h1_tcp_4_1/s1' ? 'web.1' : null)),
      {
        time: '2026-11-24T13:57:05.748343Z',
        stream: 'stdout',
        text: 'at=info method=GET path="/" host=shop.test request_id=some-id fwd="10.79.0.1" dyno=web.1 connect=1ms service=18ms status=200 bytes=108 protocol=https',
      },
    )
  })

  const faults: readonly (readonly [string, string, string, string])[] = [
    ['sH', '503', 'h1_tcp_4_1/s1', 'code=H12 desc="Request timeout"'],
    ['SC', '503', 'h1_tcp_4_1/<NOSRV>', 'code=H10 desc="No process answers"'],
    ['SC', '503', 'h1_tcp_4_1/s1', 'code=H21 desc="Backend connection refused"'],
    ['sC', '503', 'h1_tcp_4_1/s1', 'code=H19 desc="Backend connection timeout"'],
    ['SH', '502', 'h1_tcp_4_1/s1', 'code=H13 desc="Connection closed without response"'],
    ['PR', '429', 'edge/<NOSRV>', 'code=H429 desc="Too many requests from one address"'],
    ['CD', '200', 'h1_tcp_4_1/s1', 'code=H27 desc="Client Request Interrupted"'],
    ['sD', '200', 'h1_tcp_4_1/s1', 'code=H15 desc="Idle connection"'],
  ]
  for (const [state, status, slot, expected] of faults) {
    test(`termination ${state} with ${status} is ${expected}`, () => {
      assert.ok(
        text(line({ state, status, slot }))?.startsWith(`at=error ${expected} `),
        text(line({ state, status, slot })),
      )
    })
  }

  test('a path cannot forge fields', () => {
    assert.match(text(line({ path: '/" status=200 x="' })) ?? '', /path="\/%22 status=200 x=%22" host=/)
  })

  // As HAProxy 2.6.12 wrote it, with the name that was asked for.
  test('a TLS handshake that failed is told as one, and is of nobody', () => {
    const fields = ['-', 'edge~/-', '0', 'tls', '0', '0', '0', '0', '0', '192.0.2.9', '1', '-', '-', 'shop"x.test']
    const said = [...fields, 'error:0A000102:SSL routines::unsupported protocol'].join('\t')
    const entry = parseRouterLine(`<6>2026-12-03T05:48:49.163263+00:00 ${said}`)
    assert.deepEqual(entry, {
      time: '2026-12-03T05:48:49.163263Z',
      environment: '',
      slot: 'edge~/-',
      line: 'at=error desc="TLS handshake failed" reason="error:0A000102:SSL routines::unsupported protocol" host="shop%22x.test" fwd="192.0.2.9"',
    })
  })

  test('anything else in the ring is no line of the router', () => {
    assert.equal(parseRouterLine('Server h1_tcp_4_1/s1 is DOWN'), null)
    assert.equal(parseRouterLine(''), null)
  })
})
