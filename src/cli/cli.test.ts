import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Access } from '../access/principal.ts'
import { tokenAccess } from '../access/tokens.ts'
import { makeTestApi } from '../../test/doubles/api.ts'
import { Secret } from '../core/secret.ts'
import { systemClock } from '../core/system.ts'
import { CliRig } from '../../test/doubles/cli-rig.ts'

const token = 'f'.repeat(64)
const access = tokenAccess([{ name: 'owner', token: new Secret(token) }])

async function rigOf(t: TestContext): Promise<CliRig> {
  const rig = await CliRig.make()
  t.after(() => rig.close())
  return rig
}

async function networkRig(t: TestContext, listener: Access | 'network' = access) {
  const rig = await rigOf(t)
  const made = await makeTestApi({ access: listener })
  const origin = await rig.servePort(made.api)
  made.place.url = origin
  if (listener === 'network') rig.environment['LADING_URL'] = origin
  return { ...made, rig, origin }
}

test('a server that does not answer is said with what to do', async t => {
  const rig = await rigOf(t)
  const nowhere = await rig.lading(['apps'])
  assert.equal(nowhere.code, 2)
  assert.match(
    nowhere.err,
    /^lading: where is the platform\?\nSet LADING_URL and LADING_TOKEN, or run "lading login URL"/,
  )
  rig.environment['LADING_URL'] = 'http://127.0.0.1:1'
  const dead = await rig.lading(['apps'])
  assert.equal(dead.code, 6)
  assert.match(dead.err, /^lading: no answer from http:\/\/127.0.0.1:1 \(ECONNREFUSED\)\nIs the server up/)
  assert.doesNotMatch(dead.err, /\n {4}at /)
  assert.match((await rig.lading(['apps', '--verbose'])).err, /\n {4}at /)
})

test('the network asks for a token, which a login keeps for that platform alone', async t => {
  const { rig, origin } = await networkRig(t)
  rig.environment['LADING_URL'] = origin
  const withoutToken = await rig.lading(['apps'])
  assert.equal(withoutToken.code, 4)
  assert.match(withoutToken.err, /a token is needed/)
  assert.equal((await rig.lading(['login', origin], { input: 'wrong\n' })).code, 4)
  const login = await rig.lading(['login', origin], { input: `${token}\n` })
  assert.equal(login.err + login.out, `You are owner at ${origin}.\n`)
  const file = join(rig.folder, 'home/.config/lading', `${origin.replace('://', '_').replace(':', '_')}.token`)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  delete rig.environment['LADING_URL']
  assert.equal((await rig.lading(['apps', '--json'])).out, '[]\n')
  // A token in the environment is for the platform that the environment names.
  rig.environment['LADING_TOKEN'] = 'another'
  assert.equal((await rig.lading(['apps'])).code, 0)
})

test("the server's owner reads the platform's log and the strangers' from the follower itself", async t => {
  const rig = await rigOf(t)
  const asked: string[] = []
  const folder = join(dirname(rig.socket), 'logs')
  await mkdir(folder)
  const follower = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://logs').pathname)
    const line = { time: '2026-12-03T05:48:49.163263Z', source: 'router', text: 'at=error desc="TLS handshake failed"' }
    response.end(`${JSON.stringify(line)}\n`)
  })
  await once(follower.listen(join(folder, 'logs.sock')), 'listening')
  t.after(() => follower.close())
  assert.match((await rig.lading(['logs', '--strangers'])).out, /TLS handshake failed/)
  assert.equal((await rig.lading(['logs', '--platform'])).code, 0)
  assert.deepEqual(asked, ['/environments/lading/strangers/lines', '/environments/lading/production/lines'])
  assert.match((await rig.lading(['logs', '--platform', '--strangers'])).err, /--platform or --strangers/)
  assert.equal(asked.length, 2)
})

test('a platform with a CA of its own: a login needs it once, by --ca or LADING_CA', async t => {
  const rig = await rigOf(t)
  const { api, place } = await makeTestApi({ access })
  const argv = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']
  argv.push('-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'key.pem', '-out', 'ca.pem')
  assert.equal((await rig.run('openssl', argv)).code, 0)
  const read = (name: string) => readFile(join(rig.work, name), 'utf8')
  place.url = await rig.servePort(api, { key: await read('key.pem'), cert: await read('ca.pem') })

  const stranger = await rig.lading(['login', place.url], { input: token })
  assert.equal(stranger.code, 4)
  const [, fingerprint = ''] = /Then: lading login \S+ --fingerprint ([0-9A-F:]{95})\n/.exec(stranger.err) ?? []
  const shown = await rig.run('openssl', ['x509', '-in', 'ca.pem', '-noout', '-fingerprint', '-sha256'])
  assert.equal(shown.out.trim().split('=')[1], fingerprint)
  const other = `${fingerprint.startsWith('00') ? '11' : '00'}${fingerprint.slice(2)}`
  const wrong = await rig.lading(['login', place.url, '--fingerprint', other], { input: token })
  assert.equal(wrong.code, 4)
  assert.match(wrong.err, /is another one: its fingerprint is .*\nNo token was sent/)
  const pinned = await rig.lading(['login', place.url, '--fingerprint', fingerprint], { input: token })
  assert.deepEqual(pinned, { code: 0, out: `You are owner at ${place.url}.\n`, err: '' })
  const git = await rig.run('git', ['config', '--global', `http.${place.url}.sslCAInfo`])
  assert.equal(await readFile(git.out.trim(), 'utf8'), await read('ca.pem'))
  await rm(join(rig.folder, 'home/.config'), { recursive: true })
  const login = await rig.lading(['login', place.url, '--ca', 'ca.pem'], { input: token })
  assert.deepEqual(login, { code: 0, out: `You are owner at ${place.url}.\n`, err: '' })
  assert.equal((await rig.lading(['apps', '--json'])).out, '[]\n')

  await rm(join(rig.folder, 'home'), { recursive: true })
  rig.environment['LADING_CA'] = 'ca.pem'
  assert.equal((await rig.lading(['login', place.url], { input: token })).code, 0)
  delete rig.environment['LADING_CA']
  assert.equal((await rig.lading(['apps', '--json'])).out, '[]\n')
})

test('what the edge answers by itself is told as such', async t => {
  const server = createServer((request, response) => {
    const isUnknown = request.headers.host?.startsWith('127') ?? false
    response.writeHead(isUnknown ? 404 : 503, { 'lading-error': isUnknown ? 'H404' : 'H10' }).end('a page')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const rig = await rigOf(t)
  rig.environment['LADING_URL'] = `http://127.0.0.1:${port}`
  assert.match((await rig.lading(['apps'])).err, /^lading: the edge has no route to a control plane at this name\n/)
  rig.environment['LADING_URL'] = `http://lading.localhost:${port}`
  const away = await rig.lading(['apps'])
  assert.match(away.err, /^lading: the edge answers, and no control plane behind it\nOne that was restarted is back/)
})

test('a token is not sent where it would travel in clear', async t => {
  const rig = await rigOf(t)
  rig.environment['LADING_URL'] = 'http://lading.example.com'
  rig.environment['LADING_TOKEN'] = token
  const refused = await rig.lading(['apps'])
  assert.equal(refused.code, 2)
  assert.equal(
    refused.err,
    'lading: over http://lading.example.com a token would travel in clear\nUse https://lading.example.com\n',
  )
  // Said before stdin is read: no one is asked for a token that will not be used.
  assert.deepEqual(await rig.lading(['login', 'http://lading.example.com']), refused)
})

test('a name below localhost is this machine, whatever the resolver says', async t => {
  const { rig, origin } = await networkRig(t)
  rig.environment['LADING_URL'] = origin.replace('127.0.0.1', 'lading.localhost')
  rig.environment['LADING_TOKEN'] = token
  assert.deepEqual(await rig.lading(['apps', '--json']), { code: 0, out: '[]\n', err: '' })
})

test('create makes a folder push with git, and the token stands in no file of git', async t => {
  const { rig, origin } = await networkRig(t)
  await rig.run('git', ['init', '-q', '-b', 'main'])
  await rig.lading(['login', origin], { input: token })
  const create = await rig.lading(['create', 'shop'])
  assert.equal(create.err, '')
  assert.match(create.out, /\nDeploy it: git push lading main\n$/)
  assert.equal((await rig.run('git', ['remote', 'get-url', 'lading'])).out, `${origin}/shop.git\n`)
  assert.doesNotMatch(await readFile(join(rig.work, '.git/config'), 'utf8'), new RegExp(token))
  const ask = `protocol=http\nhost=${new URL(origin).host}\n\n`
  const filled = await rig.run('git', ['credential', 'fill'], ask)
  assert.match(filled.out, new RegExp(`^username=lading\\npassword=${token}$`, 'm'))
  assert.match((await rig.lading(['info'])).out, /^App {7}shop$/m)
  const elsewhere = await rig.lading(['credential', 'get'], { input: 'protocol=https\nhost=evil.example\n\n' })
  assert.equal(elsewhere.out, 'quit=1\n')
  assert.match(elsewhere.err, /there is no token for https:\/\/evil.example/)
})

test('what a killed create left undone, connect does, as often as it is asked', async t => {
  const { rig, origin } = await networkRig(t)
  await rig.run('git', ['init', '-q', '-b', 'main'])
  await rig.lading(['login', origin], { input: token })
  // Killed after its request: the app is there, and nothing of it in the folder.
  await rig.lading(['create', 'shop', '--no-remote'])
  const again = await rig.lading(['create', 'shop'])
  assert.deepEqual(
    [again.code, again.err.split('\n')[1]],
    [5, 'If the app is yours, connect a folder to it: lading connect shop'],
  )
  const said = 'This folder is connected to shop. Deploy it: git push lading main\n'
  assert.deepEqual(await rig.lading(['connect', 'shop']), { code: 0, out: said, err: '' })
  const config = await readFile(join(rig.work, '.git/config'), 'utf8')
  assert.match(config, new RegExp(`url = ${origin}/shop.git`))
  assert.match(config, /helper = .* credential/)
  // Killed between its calls of git.
  await rig.run('git', ['config', '--remove-section', `credential.${origin}`])
  assert.equal((await rig.lading(['connect', 'shop', '--json'])).code, 0)
  assert.deepEqual(await readFile(join(rig.work, '.git/config'), 'utf8'), config)
})

test('a remote that leads elsewhere stays as it is', async t => {
  const { rig, origin } = await networkRig(t)
  await rig.run('git', ['init', '-q'])
  await rig.run('git', ['remote', 'add', 'lading', 'https://other.example/x.git'])
  rig.environment['LADING_URL'] = origin
  rig.environment['LADING_TOKEN'] = token
  const create = await rig.lading(['create', 'shop'])
  assert.equal(create.code, 5)
  assert.match(create.err, /shop is there, but this folder's remote "lading" is https:\/\/other.example\/x.git/)
})

test('secrets come from a file or from stdin, and stay as they are', async t => {
  const rig = await rigOf(t)
  const { api, call } = await makeTestApi()
  await rig.serveSocket(api)
  await call('POST', '/apps', { name: 'shop' })
  await mkdir(join(rig.work, 'x'))
  await writeFile(join(rig.work, '.env'), '# comment\n\nURL=postgres://u:p@h/d?a=b\r\nQUOTED="x y"\n')
  assert.equal((await rig.lading(['set', '--app', 'shop', '--file', '.env', 'B=2'])).code, 0)
  assert.equal((await rig.lading(['set', '--app', 'shop', '--file', '-'], { input: 'C=3' })).code, 0)
  const { out } = await rig.lading(['config', '--app', 'shop'])
  assert.equal(out, 'B=2\nC=3\nQUOTED="x y"\nURL=postgres://u:p@h/d?a=b\n')
  assert.equal((await rig.lading(['set', '--app', 'shop', '--file', 'nothing'])).code, 2)
  assert.equal((await rig.lading(['config', 'get', 'QUOTED', '--app', 'shop'])).out, '"x y"\n')
})

test('a run that waits is shown and cancelled, once, as text and as JSON', async t => {
  const rig = await rigOf(t)
  const { api, call, repositories } = await makeTestApi()
  await rig.serveSocket(api)
  await call('POST', '/apps', { name: 'shop' })
  repositories.addTag('shop' as never, 'one', repositories.addCommit('shop' as never, { files: { a: '1' } }))
  const json = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, out, err } = await rig.lading([...args, '--json'])
    assert.deepEqual([code, err], [0, ''])
    return JSON.parse(out) as Record<string, unknown>
  }
  const queued = await json('deploy', 'one', '--app', 'shop', '--detach', '--fresh')
  const id = String(queued['id'])
  assert.equal((queued['intent'] as { fresh?: boolean }).fresh, true)
  assert.deepEqual(await json('runs', 'show', id), { ...queued, verdict: null, lines: [] })
  const cancelled = await json('runs', 'cancel', id)
  assert.deepEqual([cancelled['id'], cancelled['state'], cancelled['reason']], [id, 'cancelled', 'cancelled by root'])
  assert.deepEqual(await json('runs', 'cancel', id), cancelled)

  const again = await rig.lading(['runs', 'cancel', id])
  assert.deepEqual(again, { code: 0, out: `Run ${id} is cancelled: cancelled by root\n`, err: '' })
  const shown = await rig.lading(['runs', 'show', id])
  assert.match(shown.out, /^Deploy [0-9a-f]{7} of shop\/production, by root at .*\ncancelled: cancelled by root\n$/)
})

test('ctrl-C ends the following of a log on both sides', async t => {
  const rig = await rigOf(t)
  const { api, call, world } = await makeTestApi()
  await rig.serveSocket(api)
  await call('POST', '/apps', { name: 'shop' })
  const process = world.process('web.1')
  world.log(process.container, '2026-11-24T10:00:00Z', 'hello')
  const { child, result } = rig.start(['logs', '-f', '--app', 'shop'])
  await once(child.stdout, 'data')
  world.log(process.container, '2026-11-24T10:00:01Z', 'again')
  await once(child.stdout, 'data')
  assert.ok(world.readers > 0)
  child.kill('SIGINT')
  const { code, out } = await result
  assert.equal(code, 130)
  assert.equal(out, '2026-11-24T10:00:00Z web.1: hello\n2026-11-24T10:00:01Z web.1: again\n')
  while (world.readers > 0) await systemClock.sleep(10)
})

test('a run whose stream is cut is followed on from the last line', async t => {
  const rig = await rigOf(t)
  const { api, call, store, repositories, cuts } = await makeTestApi()
  await rig.serveSocket(api)
  await call('POST', '/apps', { name: 'shop' })
  repositories.addTag('shop' as never, 'one', repositories.addCommit('shop' as never, { files: { a: '1' } }))
  cuts.streams = 1
  const { code, out, err } = await rig.lading(['deploy', 'one', '--app', 'shop'])
  assert.equal(err, '-----> Starting\n')
  assert.equal(out, 'v1 is live  https://shop.example.test:8443\n')
  assert.equal(code, 0)
  await store.close()
})

test('a reader that leaves is no error', async t => {
  const rig = await rigOf(t)
  const { api, call, world } = await makeTestApi()
  await rig.serveSocket(api)
  await call('POST', '/apps', { name: 'shop' })
  const { container } = world.process('web.1')
  for (let i = 0; i < 5000; i++)
    world.log(container, `2026-11-24T10:00:00.${String(i).padStart(9, '0')}Z`, 'x'.repeat(50))
  const { child, result } = rig.start(['logs', '-n', '5000', '--app', 'shop'])
  child.stdout.once('data', () => child.stdout.destroy())
  const { code, err } = await result
  assert.equal(err, '')
  assert.equal(code, 0)
})

test('a developer looks at the state of things and leaves no refusal in the record', async t => {
  const { rig, accounts, audit } = await networkRig(t, 'network')
  await accounts.grant('ann', { role: 'developer', app: null }, 'test')
  const { token } = await accounts.create({ name: 'laptop', holder: 'ann', by: 'test', expiresAt: null })
  rig.environment['LADING_TOKEN'] = token.reveal()
  for (const command of ['status', 'version', 'apps']) assert.equal((await rig.lading([command])).code, 0, command)
  assert.deepEqual(await Array.fromAsync(audit.read(null)), [])
})
