import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../core/clock.ts'
import { parseAppName, parseHostName, production, type HostName } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { renewCertificates } from './certificates.ts'

/** Days that pass when the test says so; the test goes on when the next one is waited for. */
function days() {
  let waits = Promise.withResolvers<void>()
  let pass = (): void => undefined
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        pass = resolve
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        waits.resolve()
      }),
  }
  return {
    clock,
    over: () => waits.promise,
    next: async () => {
      waits = Promise.withResolvers()
      pass()
      await waits.promise
    },
  }
}

test('a host that nobody deploys gets its new certificate, and one that fails keeps no other from its own', async () => {
  const hosts = ['broken.example.org', 'shop.example.org'].map(parseHostName)
  const pems = new Map<HostName, string>(hosts.map(host => [host, `first of ${host}`]))
  const given: string[] = []
  const warned: string[] = []
  const stop = new AbortController()
  const { clock, over, next } = days()
  const done = renewCertificates(
    {
      edges: {
        state: async () => ({
          routes: [{ app: parseAppName('shop'), environment: production, hosts, release: 1 }],
          lanes: [],
        }),
        certify: async (_host, pem) => void given.push(pem.reveal()),
      },
      certificate: async host => {
        if (host.startsWith('broken')) throw new Error('no CA')
        return new Secret(pems.get(host) ?? '')
      },
      clock,
      warn: sentence => warned.push(sentence),
    },
    stop.signal,
  )
  await over()
  await next()
  pems.set(parseHostName('shop.example.org'), 'second of shop.example.org')
  await next()
  assert.deepEqual(given, ['first of shop.example.org', 'second of shop.example.org'])
  assert.deepEqual(warned, Array<string>(3).fill('the certificate of broken.example.org was not renewed'))
  stop.abort(new Error('the lease is over'))
  await done
})
