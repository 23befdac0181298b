import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeTestApi } from '../../test/doubles/api.ts'
import { metricsText } from './metrics.ts'

const facts = {
  version: '0.1.0',
  build: 'a"b\\c\nd',
  loop: { minutes: 3, p99: 12, worst: 250 },
  residentBytes: 1000,
  diskFreeBytes: 5,
  openRuns: 2,
  nodes: [
    {
      node: 'one',
      engine: null,
      keeper: { version: '1', build: 'b', generation: 3, refused: { requests: 7, connections: 1 } },
    },
    { node: 'two', engine: null, keeper: null },
  ],
}

test('numbers are told as Prometheus reads them, and labels cannot break out of their quotes', () => {
  const text = metricsText(facts)
  for (const line of [
    'lading_info{version="0.1.0",build="a\\"b\\\\c\\nd"} 1',
    'lading_event_loop_delay_seconds{quantile="0.99"} 0.012',
    'lading_event_loop_delay_seconds{quantile="1"} 0.25',
    'lading_disk_free_bytes 5',
    'lading_keeper_up{node="one"} 1',
    'lading_keeper_up{node="two"} 0',
    'lading_edge_refused_requests_total{node="one"} 7',
    'lading_edge_refused_connections_total{node="one"} 1',
  ])
    assert.ok(text.split('\n').includes(line), line)
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^\n]*",?)+\})? [\d.]+)$/)
})

test('what is not known is left out, not told as 0', () => {
  const text = metricsText({ ...facts, loop: null, diskFreeBytes: null, nodes: [] })
  assert.doesNotMatch(text, /loop|disk|keeper|refused/)
})

test('the API gives them as text', async () => {
  const { api } = await makeTestApi()
  const response = await api.request('/v1/metrics')
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(await response.text(), /^lading_runs_open 0$/m)
})
