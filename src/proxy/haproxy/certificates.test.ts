import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, suite, test } from 'node:test'
import { parseHostName } from '../../core/names.ts'
import { systemClock } from '../../core/system.ts'
import { loadCertificate } from './certificates.ts'
import { edgePaths } from './files.ts'
import { Runtime } from './runtime.ts'

/** What HAProxy 3.0 does and says (src/ssl_ckch.c, src/ssl_crtlist.c), as far as certificates are loaded. */
class Certificates {
  readonly held = new Set<string>(['default'])
  readonly listed: string[] = []
  transaction: string | null = null

  answer(command: string): string {
    const [verb, , noun, name = ''] = (command.split('\n')[0] ?? '').split(' ')
    switch (`${verb} ${noun}`) {
      case 'show cert':
        return [this.transaction ? `# transaction\n*${this.transaction}` : '', '# filename', ...this.held, ''].join(
          '\n',
        )
      case 'show crt-list':
        return [`# ${name}`, ...this.listed.map(one => `${one} shop.test`), ''].join('\n')
      case 'new cert':
        if (this.held.has(name)) return `Certificate '${name}' already exists!\n`
        this.held.add(name)
        return `New empty certificate store '${name}'!\n`
      case 'set cert':
        if (!this.held.has(name)) return `Can't replace a certificate which is not referenced by the configuration!\n`
        if (this.transaction !== null && this.transaction !== name) {
          return `The ongoing transaction is about '${this.transaction}' but you are trying to set '${name}'\n`
        }
        this.transaction = name
        return `Transaction created for certificate ${name}!\n`
      case 'abort cert':
        this.transaction = null
        return `Transaction aborted for certificate '${name}'!\n`
      case 'commit cert':
        this.transaction = null
        return `Committing ${name}\nSuccess!\n`
      case 'add crt-list':
        this.listed.push((command.split('\n')[1] ?? '').split(' ')[0] ?? '')
        return `Inserting certificate in crt-list '${name}'.\nSuccess!\n`
      default:
        return `Unknown command: '${command}'\n`
    }
  }
}

void suite('a certificate for a host', () => {
  let folder: string
  let server: Server
  let haproxy: Certificates
  const path = () => join(folder, 'runtime.sock')
  const load = (host = 'shop.test') =>
    loadCertificate({
      runtime: new Runtime(path(), systemClock),
      paths: edgePaths(folder, folder),
      host: parseHostName(host),
      pem: 'chain and key\n',
    })
  const file = (host = 'shop.test') => edgePaths(folder, folder).certificate(host)

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-certificates-'))
    server = createServer(socket => {
      socket.setEncoding('utf8').on('data', (text: string) => socket.end(haproxy.answer(text)))
    })
    server.listen(path())
    await once(server, 'listening')
  })
  beforeEach(() => (haproxy = new Certificates()))
  after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })

  test('is loaded and listed once, however often it is given', async () => {
    await load()
    await load()
    assert.ok(haproxy.held.has(file()))
    assert.deepEqual(haproxy.listed, [file()])
  })

  const killed: Readonly<Record<string, () => void>> = {
    'after its place was made': () => haproxy.held.add(file()),
    'before it was committed': () => (haproxy.held.add(file()), (haproxy.transaction = file())),
    'before it was listed': () => haproxy.held.add(file()),
    'before it was on the disk': () => (haproxy.held.add(file()), haproxy.listed.push(file())),
    "in the middle of another host's": () => (haproxy.held.add(file('a.test')), (haproxy.transaction = file('a.test'))),
  }
  for (const [when, leave] of Object.entries(killed)) {
    test(`is loaded by the next try when the one before was killed ${when}`, async () => {
      leave()
      await load()
      assert.deepEqual(haproxy.listed, [file()])
      assert.equal(haproxy.transaction, null)
    })
  }
})
