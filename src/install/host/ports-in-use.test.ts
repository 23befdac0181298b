import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { findPortHolders, parseListeners } from './ports-in-use.ts'

test('only sockets that listen are listeners', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1',
    '   1: 0100007F:1538 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1',
  ].join('\n')
  assert.deepEqual(parseListeners(table, 'tcp'), [{ port: 80, protocol: 'tcp', inode: '4711' }])
  const datagrams = table.replaceAll(' 0A ', ' 07 ')
  assert.deepEqual(parseListeners(datagrams, 'udp'), [{ port: 80, protocol: 'udp', inode: '4711' }])
  assert.deepEqual(parseListeners(datagrams, 'tcp'), [])
})

test('the holder of a port is named with its process', async () => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const holders = await findPortHolders({ tcp: [port], udp: [] })
    assert.equal(holders.length, 1)
    assert.match(holders[0]?.program ?? '', new RegExp(`\\(pid ${process.pid}\\)$`))
  } finally {
    server.close()
  }
})
