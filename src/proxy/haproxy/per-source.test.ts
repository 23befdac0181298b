import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { edgePaths } from './files.ts'
import { countConnections, countRequests, parseSource, refusedIn, sourceTables } from './per-source.ts'

const paths = edgePaths('/state', '/run')
const limits = { connections: 30, requestsPerSecond: 7 }

void suite('what one source address may have of an edge', () => {
  test('an IPv6 network counts as one', () => {
    const rules = [...countConnections(limits, []), ...countRequests(paths, limits, [])].filter(line =>
      line.includes('track-sc'),
    )
    assert.equal(rules.length, 2)
    for (const rule of rules) assert.match(rule, / src,ipmask\(32,64\) /)
  })

  test('the numbers are those that the edge was told', () => {
    const rules = [...countConnections(limits, []), ...countRequests(paths, limits, [])].join('\n')
    assert.match(rules, / gt 30\n[^]* gt 60 [^]* gt 70\n/)
  })

  test('a full table refuses no one: the oldest goes', () => {
    assert.doesNotMatch(sourceTables().join('\n'), /nopurge/)
  })

  test('a balancer is not counted, by connection nor by request', () => {
    const rules = [...countConnections(limits, ['192.0.2.7']), ...countRequests(paths, limits, ['192.0.2.7'])]
    assert.equal(rules[0], '  acl balancer src 192.0.2.7')
    for (const rule of rules.filter(line => line.includes('track-sc'))) assert.match(rule, /(unless|or) balancer$/)
  })

  test('an old HAProxy passes requests on and counts none of them', () => {
    for (const rule of countRequests(paths, limits, []).filter(line => line.startsWith('  http-request')))
      assert.match(rule, /unless draining|!draining/)
  })

  test('a source is an address or a network, and nothing that HAProxy would read as more', () => {
    for (const good of ['192.0.2.7', '10.0.0.0/8', '2001:db8::/48', '::1']) assert.equal(parseSource(good), good)
    for (const bad of [
      '',
      '10.0.0.0/33',
      '::/129',
      'a.example',
      '10.0.0.1 10.0.0.2',
      '10.0.0.1/',
      '10.0.0.1/8/8',
      'fe80::1%x',
    ])
      assert.throws(() => parseSource(bad), { code: 'invalid-input' }, bad)
  })

  test('what was refused is read from the counters', () => {
    assert.deepEqual(refusedIn('# pxname,svname,dreq,dcon,\nedge,FRONTEND,19,2,\n\n'), { requests: 19, connections: 2 })
    assert.equal(refusedIn(''), null)
  })
})
