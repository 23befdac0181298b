import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { haproxyConfig, type ConfigInput } from './config.ts'
import { Secret } from '../../core/secret.ts'
import { edgePaths } from './files.ts'

const golden = join(import.meta.dirname, '../../../test/golden/haproxy')
const paths = edgePaths('/var/lib/lading/keeper', '/run/lading')
const edge = {
  httpPort: 80,
  httpsPort: 443,
  registryPort: 5443,
  registryTokens: [new Secret('-of-engines')],
  ipv6: true,
  user: 'haproxy',
  maxConnections: 20_000,
  balancers: ['192.0.2.7', '2001:db8:1::/48'],
  hardStopSeconds: 3600,
}
const sources = { connections: 2000, requestsPerSecond: 5000 }
const pools = { h1_tcp_4: 2, h1_http_4: 1, h2c_http_4: 1 }

const cases: Readonly<Record<string, ConfigInput>> = {
  'empty.cfg': { paths, process: 1, pools, sources, admitted: new Map(), edge },
  'after-a-reload.cfg': {
    paths,
    process: 2,
    pools: { h1_tcp_4: 2 },
    sources,
    admitted: new Map([['h1_tcp_4_2', new Map([[2, '10.77.0.1:32768']])]]),
    edge: { ...edge, registryPort: null, ipv6: false, user: null, balancers: [] },
  },
}

void suite("HAProxy's configuration", () => {
  for (const [name, input] of Object.entries(cases)) {
    test(`is ${name}`, async () => {
      const text = haproxyConfig(input)
      // LADING_GOLDEN=write states a wanted change; the difference is read in the commit.
      if (process.env['LADING_GOLDEN'] === 'write') await writeFile(join(golden, name), text)
      assert.equal(text, await readFile(join(golden, name), 'utf8'))
    })
  }
})
