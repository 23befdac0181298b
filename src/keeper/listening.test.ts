import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseSockets } from './listening.ts'

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (local: string, state = '0A') =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1\n`

void suite('sockets of a process', () => {
  test('are read from the words of the kernel', () => {
    const table = head + row('00000000:1F90') + row('0100007F:0BB8')
    assert.deepEqual(parseSockets(table), ['0.0.0.0:8080', '127.0.0.1:3000'])
  })

  test('IPv6: any, loopback, and IPv4 inside', () => {
    const any = '00000000000000000000000000000000:1F90'
    const loopback = '00000000000000000000000001000000:0BB8'
    const mapped = '0000000000000000FFFF00000100007F:0BB9'
    assert.deepEqual(parseSockets(head + row(any) + row(loopback) + row(mapped)), [
      '[::]:8080',
      '[::1]:3000',
      '127.0.0.1:3001',
    ])
  })

  test('connections and the DNS of the engine do not count', () => {
    assert.deepEqual(parseSockets(head + row('0100007F:1F90', '01') + row('0B00007F:A1B2')), [])
  })
})
