import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { Audit } from '../access/audit.ts'
import { Guesses, slowingGuesses } from '../access/guesses.ts'
import { Accounts } from '../access/accounts.ts'
import type { Role } from '../access/roles.ts'
import { tokenAccess } from '../access/tokens.ts'
import { type AppName, production } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { gitAccess } from './git-access.ts'

const [shop, other] = ['shop' as AppName, 'other' as AppName]

test('git asks the same table: with every role and another app, and each push and fetch is on record', async () => {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  for (const app of [shop, other]) await store.createApp(app, 'ann', 1)
  const report = (error: unknown) => assert.fail(String(error))
  const file = tokenAccess([{ name: 'owner', token: new Secret('0f'.repeat(32)) }])
  const accounts = await Accounts.open({ store, clock: systemClock, file, report })
  const audit = new Audit(store, systemClock, report)
  const authenticator = gitAccess(accounts, audit)
  const grants: [string, Role, AppName | null][] = [
    ['everybody', 'owner', null],
    ['ops', 'operator', null],
    ['dev', 'developer', shop],
    ['all', 'developer', null],
    ['eye', 'viewer', shop],
  ]
  for (const [name, role, app] of grants) await accounts.grant(name, { role, app }, 'test')
  const holders = [...grants.map(([name]) => name), { app: shop, environment: production }]
  const answers: string[] = []
  for (const holder of holders) {
    const { token } = await accounts.create({ name: 't', holder, by: 'test', expiresAt: null })
    const authorization = `Basic ${Buffer.from(`x:${token.reveal()}`).toString('base64')}`
    const headers = { authorization, 'x-forwarded-for': '192.0.2.7' }
    const request = { method: 'POST', headers } as unknown as IncomingMessage
    const principal = await authenticator.authenticate(request)
    assert.ok(principal)
    for (const app of [shop, other])
      for (const action of ['fetch', 'push'] as const) {
        const answer = authenticator.authorize(principal, { app, action, request })
        answers.push(`${principal.name} ${action} ${app}: ${await answer.then(String, (e: Error) => e.message)}`)
      }
  }
  const is = (name: string, words: Record<string, string>) =>
    Object.entries(words).map(([what, word]) => `${name} ${what}: ${word}`)
  const yes = { 'fetch shop': 'true', 'push shop': 'true', 'fetch other': 'true', 'push other': 'true' }
  const foreign = { 'fetch other': 'there is no app other', 'push other': 'there is no app other' }
  const no = (name: string, app: string) => `${name} may not do this on ${app}`
  assert.deepEqual(answers, [
    ...is('everybody', yes),
    ...is('ops', { 'fetch shop': no('ops', 'shop'), 'push shop': no('ops', 'shop') }),
    ...is('ops', { 'fetch other': no('ops', 'other'), 'push other': no('ops', 'other') }),
    ...is('dev', { 'fetch shop': 'true', 'push shop': 'true', ...foreign }),
    ...is('all', yes),
    ...is('eye', { 'fetch shop': no('eye', 'shop'), 'push shop': no('eye', 'shop'), ...foreign }),
    ...is('robot/t', { 'fetch shop': no('robot/t', 'shop'), 'push shop': 'true', ...foreign }),
  ])
  const rows = await Array.fromAsync(audit.read(null))
  assert.equal(rows.length, answers.length)
  assert.ok(rows.every(({ from, target }) => from === '192.0.2.7' && /^\/(shop|other)\.git$/.test(target)))
  await store.close()
})

test('git slows guesses by the address that the edge saw, and has no pity with other headers', async () => {
  const token = new Secret('0f'.repeat(32))
  const guesses = new Guesses({ ...systemClock, monotonic: () => 0 }, () => undefined)
  const { authenticate } = gitAccess(slowingGuesses(tokenAccess([{ name: 'owner', token }]), guesses), {} as Audit)
  const show = (from: string, password: string, more: object = {}) => {
    const authorization = `Basic ${Buffer.from(`x:${password}`).toString('base64')}`
    return authenticate({ headers: { authorization, 'x-forwarded-for': from, ...more } } as unknown as IncomingMessage)
  }
  for (let i = 0; i < 20; i++) assert.equal(await show('192.0.2.7', 'wrong', { 'x-real-ip': `10.0.0.${i}` }), null)
  await assert.rejects(show('192.0.2.7', 'wrong'), { code: 'too-many-guesses', retryAfter: 1 })
  await assert.rejects(show('192.0.2.7', token.reveal()), { code: 'too-many-guesses' })
  assert.ok(await show('192.0.2.8', token.reveal()))
})
