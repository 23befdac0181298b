import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Clock } from '../core/clock.ts'
import { parseAppName, parseDomainName, production } from '../core/names.ts'
import { Secret } from '../core/secret.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { AcmeRow, OrderRow, Store } from '../store/store.ts'
import { type Answer, NoAddress, type Question } from './ask.ts'
import { newKey } from './key-and-request.ts'
import { Orders, pauseRefused, pauseUnseen, renewalOf } from './orders.ts'

const folder = mkdtempSync(join(tmpdir(), 'lading-orders-'))
after(() => rmSync(folder, { recursive: true }))
const pem = join(folder, 'cert.pem')
const argv = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '90']
argv.push(
  '-subj',
  '/CN=Test CA',
  '-addext',
  'subjectAltName=DNS:shop.example.com',
  '-out',
  pem,
  '-keyout',
  `${pem}.key`,
)
execFileSync('openssl', argv, { stdio: 'ignore' })
const chain = readFileSync(pem, 'utf8')

const minute = 60_000
const shop = { app: parseAppName('shop'), environment: production }

test('pauses grow to their most, and a CA that asks for more gets it', () => {
  assert.deepEqual(
    [1, 2, 3, 20].map(pauseUnseen),
    [0.5, 1, 2, 30].map(minutes => minutes * minute),
  )
  assert.deepEqual(
    [1, 2, 3, 20].map(attempts => pauseRefused(attempts, null)),
    [5, 20, 80, 24 * 60].map(minutes => minutes * minute),
  )
  assert.equal(pauseRefused(1, 7 * 60 * minute), 7 * 60 * minute)
  assert.equal(renewalOf({ notBefore: 0, notAfter: 90 }), 60)
})

/** A platform with ACME on, and two directories that do what the test says. Time passes as the orders' loop sleeps. */
async function world(t: { after: (done: () => unknown) => void }, changes: Partial<AcmeRow> = {}) {
  const store = await openSqliteStore({ path: ':memory:', dataKey: new Secret('5a'.repeat(32)) })
  t.after(() => store.close())
  await store.createApp(shop.app, 'ann', 1)
  const settings = { directory: 'https://ca.test/dir', rehearsal: 'https://rehearsal.test/dir', email: null, ca: null }
  await store.writeAcme({ ...settings, dnsHook: null, by: 'ann', at: 1, key: newKey(), ...changes })
  const challenges = new Map<string, string>()
  const script = { leadsHere: true, refuses: new Map<string, Answer>() }
  const asked: string[] = []
  const start = Date.now()
  let passed = 0
  const stop = new AbortController()
  const clock: Clock = {
    now: () => start + passed,
    monotonic: () => passed,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      passed += ms
      // The loop rests: whoever waits for its rest goes on, and it with the next step.
      rest.resolve()
      await go.promise
      signal?.throwIfAborted()
    },
  }
  let rest = Promise.withResolvers<void>()
  let go = Promise.withResolvers<void>()
  const ask = async ({ method, url }: Question): Promise<Answer> => {
    const { host, pathname } = new URL(url)
    if (url.startsWith('http:')) {
      if (!script.leadsHere) throw new NoAddress(host)
      return { status: 200, headers: {}, text: challenges.get(pathname.split('/')[3] ?? '') ?? 'an app' }
    }
    if (method === 'POST') asked.push(`${host}${pathname}`)
    return script.refuses.get(`${host}${pathname}`) ?? directoryAnswers(host, pathname, challenges)
  }
  const orders = new Orders(
    {
      store,
      edges: {
        state: async () => ({ lanes: [], routes: [], certificates: [], challenges: [...challenges.keys()] }),
        challenge: async (token, answer) =>
          void (answer === null ? challenges.delete(token) : challenges.set(token, answer)),
      },
      clock,
      ids: { hex: bytes => 'ab'.repeat(bytes) },
      ask,
      hooks: { run: async () => assert.fail('no hook') },
      changed: async () => undefined,
      log: () => undefined,
    },
    stop.signal,
  )
  const loop = orders.run()
  await rest.promise
  t.after(async () => {
    stop.abort(new Error('the test is over'))
    go.resolve()
    await loop
  })
  /** What woke the loop, or its own sleep, makes it look again; resolves when it rests. */
  const round = async () => {
    const before = go
    rest = Promise.withResolvers<void>()
    go = Promise.withResolvers<void>()
    before.resolve()
    await rest.promise
  }
  return { store, script, asked, challenges, round, passed: () => passed, now: () => clock.now() }
}

function directoryAnswers(host: string, path: string, challenges: ReadonlyMap<string, string>): Answer {
  const at = (name: string) => `https://${host}/${name}`
  const json = (value: unknown, headers = {}): Answer => ({
    status: 200,
    headers: { 'replay-nonce': 'n', ...headers },
    text: JSON.stringify(value),
  })
  const isProven = challenges.get('the-token')?.startsWith('the-token.') ?? false
  switch (path) {
    case '/dir':
      return json({ newNonce: at('nonce'), newAccount: at('account'), newOrder: at('new') })
    case '/account':
      return json({}, { location: at('account/1') })
    case '/new':
      return json(
        { status: 'pending', authorizations: [at('authz')], finalize: at('finalize') },
        { location: at('order') },
      )
    case '/authz':
      return json({
        status: isProven ? 'valid' : 'pending',
        identifier: { value: 'shop.example.com' },
        challenges: [{ type: 'http-01', url: at('challenge'), token: 'the-token' }],
      })
    case '/order':
      return json({ status: 'valid', certificate: at('certificate') })
    case '/certificate':
      return { status: 200, headers: { 'replay-nonce': 'n' }, text: chain }
    default:
      return json({})
  }
}

async function add(store: Store): Promise<void> {
  await store.addDomain({ ...shop, name: parseDomainName('shop.example.com'), by: 'ann', at: 1 })
}
const only = async (store: Store): Promise<OrderRow> => {
  const [order] = await store.listOrders()
  assert.ok(order)
  return order
}

test('a name that leads here is rehearsed, then ordered, and its answers are taken back', async t => {
  const { store, asked, challenges, round } = await world(t)
  await add(store)
  await round()
  const order = await only(store)
  assert.deepEqual([order.state, order.attempts, order.reason], ['certified', 0, 'certified by Test CA'])
  const [row] = await store.listCertificates()
  assert.deepEqual([row?.source, row?.names], ['acme', ['shop.example.com']])
  assert.match((await store.openCertificate(row?.id ?? ''))?.reveal() ?? '', /BEGIN CERTIFICATE[^]+BEGIN PRIVATE KEY/)
  assert.equal(order.nextAt, renewalOf(row ?? { notBefore: 0, notAfter: 0 }))
  assert.equal(asked.findIndex(url => url === 'ca.test/new') > asked.indexOf('rehearsal.test/certificate'), true)
  assert.equal(challenges.size, 0)
})

test('no CA is asked for a name that does not lead here, until it does', async t => {
  const { store, script, asked, round } = await world(t)
  script.leadsHere = false
  await add(store)
  for (const attempts of [1, 2, 3]) {
    await round()
    const order = await only(store)
    assert.deepEqual([order.state, order.attempts], ['added', attempts])
    assert.match(order.reason, /shop.example.com has no address/)
  }
  assert.deepEqual(asked, [])
  script.leadsHere = true
  await round()
  assert.equal((await only(store)).state, 'certified')
})

test('a refusal of the rehearsal keeps the CA from being asked; Retry-After is kept', async t => {
  const { store, script, asked, round, now } = await world(t)
  const limited = { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many orders' }
  const headers = { 'retry-after': String(3 * 3600), 'replay-nonce': 'n' }
  script.refuses.set('rehearsal.test/new', { status: 429, headers, text: JSON.stringify(limited) })
  await add(store)
  const before = now()
  await round()
  const order = await only(store)
  assert.deepEqual([order.state, order.attempts], ['seen', 1])
  assert.equal(order.reason, 'rehearsal.test: too many orders (rateLimited)')
  assert.ok(order.nextAt >= before + 180 * minute)
  assert.deepEqual(
    asked.filter(url => url.startsWith('ca.test')),
    [],
  )
})

test('a wildcard without a hook says what it needs; what no one has any more is forgotten', async t => {
  const { store, round } = await world(t)
  const name = parseDomainName('*.example.com')
  await store.addDomain({ ...shop, name, by: 'ann', at: 1 })
  await round()
  assert.match(
    (await only(store)).reason,
    /a wildcard needs a hook that writes into DNS: lading acme on --dns-hook NAME/,
  )
  await store.removeDomain(shop, name)
  await round()
  assert.deepEqual(await store.listOrders(), [])
})
