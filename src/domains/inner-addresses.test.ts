import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { createAsk } from './ask.ts'
import { isInner } from './inner-addresses.ts'

const signal = AbortSignal.timeout(30_000)

void suite('addresses that are not on the internet', () => {
  test('are known in every spelling', () => {
    const inner = ['127.0.0.1', '127.10.20.30', '0.0.0.0', '10.1.2.3', '172.31.0.1', '192.168.0.1', '169.254.169.254']
    inner.push('100.64.0.1', '224.0.0.1', '255.255.255.255', '198.18.0.1', '::1', '::', '[::1]', 'fe80::1%eth0')
    inner.push('fd00:ec2::254', 'fc00::1', 'ff02::1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::127.0.0.1')
    inner.push('64:ff9b::7f00:1', '2002:7f00:1::1', '2001:0:7f00:1::', '2001:db8::1', 'not an address', '')
    for (const address of inner) assert.ok(isInner(address), address)
    for (const address of ['1.1.1.1', '172.32.0.1', '169.253.0.1', '2606:4700::1111', '[2a00:1450::1]'])
      assert.ok(!isInner(address), address)
  })

  test('are asked nothing unless that was allowed, and whether something listens there makes no difference', async t => {
    let asked = 0
    const server = createServer((_, answer) => void answer.end(`answer ${++asked}`))
    await new Promise<void>(resolve => server.listen(0, resolve))
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const ask = createAsk('test')
    const hosts = ['127.0.0.1', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0177.0.0.1', '127.1']
    hosts.push('localhost', 'LocalHost')
    for (const host of hosts)
      for (const at of [port, 1]) {
        const url = `http://${host}:${at}/dir`
        await assert.rejects(ask({ method: 'GET', url }, signal), (error: Error) => {
          assert.match(error.message, /is no address on the internet$/, url)
          assert.doesNotMatch(error.message, /listens|refused|answer/)
          return true
        })
      }
    assert.equal(asked, 0)
    const url = `http://127.0.0.1:${port}/`
    assert.equal((await ask({ method: 'GET', url, isInternal: true }, signal)).text, 'answer 1')
  })
})
