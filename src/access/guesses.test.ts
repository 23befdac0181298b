import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeTestApi } from '../../test/doubles/api.ts'
import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { Guesses, slowingGuesses } from './guesses.ts'
import { tokenAccess, tokenIn } from './tokens.ts'

const right = tokenIn(`Bearer ${'f'.repeat(64)}`)
const other = tokenIn(`Bearer ${'e'.repeat(64)}`)
const wrong = tokenIn('Bearer wrong')

function world() {
  const time = { at: 0 }
  const clock: Clock = { ...systemClock, now: () => time.at, monotonic: () => time.at }
  const reported: object[] = []
  const guesses = new Guesses(clock, one => reported.push(one))
  const access = slowingGuesses(tokenAccess([{ name: 'owner', token: new Secret('f'.repeat(64)) }]), guesses)
  /** `yes`, `no`, or the seconds to wait. */
  const show = (from: string, presented = wrong) => {
    try {
      return access.authenticate(presented, from) ? 'yes' : 'no'
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === 'too-many-guesses')
      return error.retryAfter
    }
  }
  const guess = (from: string, times: number) => Array.from({ length: times }, () => show(from)).at(-1)
  return { time, reported, guesses, show, guess }
}

test('after 20 wrong tokens a source waits, twice as long each time, and a right one is not told from a wrong one', () => {
  const { time, show, guess } = world()
  assert.equal(guess('192.0.2.1', 20), 'no')
  assert.deepEqual([show('192.0.2.1'), show('192.0.2.1', right)], [1, 1])
  for (const seconds of [2, 4, 8]) {
    time.at += (seconds / 2) * 1000
    assert.equal(show('192.0.2.1'), 'no')
    assert.equal(show('192.0.2.1', right), seconds)
  }
  assert.equal(show('192.0.2.2', right), 'yes')
  time.at += 8_000
  assert.equal(show('192.0.2.1', right), 'yes')
  for (let i = 0; i < 40; i++) {
    time.at += 15 * 60_000
    show('192.0.2.1')
  }
  assert.equal(show('192.0.2.1'), 900)
  time.at += 61 * 60_000
  assert.equal(guess('192.0.2.1', 19), 'no')
})

test('what was right there before goes on working, and what shows nothing is no guess', () => {
  const { show, guess } = world()
  assert.equal(show('192.0.2.1', right), 'yes')
  guess('192.0.2.1', 30)
  assert.equal(show('192.0.2.1', right), 'yes')
  assert.equal(show('192.0.2.1', other), 1)
  for (let i = 0; i < 100; i++) assert.equal(show('192.0.2.3', null), 'no')
  assert.equal(show('192.0.2.3'), 'no')
})

test('a /64 of IPv6 is one source, and an IPv4 address in IPv6 is that address', () => {
  const { show, guess } = world()
  for (let i = 0; i < 20; i++) show(`2001:db8:0:1::${i.toString(16)}`)
  assert.equal(show('2001:db8:0:1:a:b:c:d'), 1)
  assert.equal(show('2001:DB8::1:0:0:0:1'), 1)
  assert.equal(show('2001:db8:0:2::1'), 'no')
  guess('192.0.2.9', 20)
  assert.equal(show('::ffff:192.0.2.9'), 1)
})

test('neither the memory nor the record grows with the guesses', () => {
  const { guesses, reported, time, guess } = world()
  for (let i = 0; i < 10_050; i++) guess(`10.0.${i >> 8}.${i & 255}`, 1)
  assert.equal(guesses.size, 10_000)
  for (let i = 0; i < 50; i++) guess(`10.1.0.${i}`, 20)
  assert.deepEqual(reported, [{ from: '10.1.0.0', seconds: 1, others: 0 }])
  time.at += 60_000
  guess('10.2.0.1', 20)
  assert.deepEqual(reported[1], { from: '10.2.0.1', seconds: 1, others: 49 })
})

test('the API answers 429 and says when to come back; the address is the edge’s word, and the record has it', async () => {
  const { accounts, audit } = await makeTestApi()
  const guesses = new Guesses({ ...systemClock, monotonic: () => 0 }, reported => void audit.recordGuesses(reported))
  const { api } = await makeTestApi({ access: slowingGuesses(accounts, guesses) })
  const ask = (address: string) =>
    api.request('/v1/apps', { headers: { authorization: 'Bearer wrong', 'x-forwarded-for': address } })
  for (let i = 0; i < 20; i++) assert.equal((await ask('192.0.2.1')).status, 401)
  const answer = await ask('192.0.2.1')
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '1'])
  assert.equal(((await answer.json()) as { code: string }).code, 'too-many-guesses')
  // What a client says of itself is no address: the edge sets one, so all such are one source.
  for (let i = 0; i < 20; i++) await ask(`192.0.2.1, 10.0.0.${i}`)
  assert.equal((await ask('nonsense')).status, 429)
  assert.equal((await ask('192.0.2.2')).status, 401)
  const [row] = await Array.fromAsync(audit.read(null))
  assert.deepEqual(
    [row?.who, row?.from, row?.action, row?.note],
    ['a stranger', '192.0.2.1', 'guess', 'wrong tokens: not answered for 1 s'],
  )
})
