import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { makeExample } from './hello.ts'

const { signal } = new AbortController()
const taken = new AppError('internal', 'lading create exited 5', { details: ['lading: the name hello is taken'] })
const dead = new AppError('internal', 'lading create exited 6', { details: ['lading: nothing answers'] })
const refused = { code: 'conflict', hint: /--no-hello/ }

/** A server with the example's folder, its app or none, and what the command line was asked there. */
class Server {
  readonly asked: string[] = []
  readonly folder: string
  hasApp: boolean
  /** Thrown by `create` after the app was made, as by one that is killed. */
  failure: Error | null = null

  private constructor(folder: string, hasApp: boolean) {
    this.folder = folder
    this.hasApp = hasApp
  }

  static async make(t: TestContext, { hasApp }: { hasApp: boolean }): Promise<Server> {
    const above = await mkdtemp(join(tmpdir(), 'lading-hello-'))
    t.after(() => rm(above, { recursive: true }))
    return new Server(join(above, 'hello'), hasApp)
  }

  async act(app: { isThere?: () => Promise<boolean> } = {}): Promise<void> {
    const create = () => {
      this.asked.push('create')
      if (this.hasApp) return Promise.reject(taken)
      this.hasApp = true
      return this.failure ? Promise.reject(this.failure) : Promise.resolve()
    }
    const connect = () => Promise.resolve(this.asked.push('connect'))
    const isThere = () => Promise.resolve(this.hasApp)
    await makeExample(this.folder, { isThere, create, connect, ...app }, () => {}, signal)
  }
}

test('the example becomes a repository, and its app is made from there', async t => {
  const server = await Server.make(t, { hasApp: false })
  await server.act()
  assert.deepEqual(server.asked, ['create'])
  assert.ok(existsSync(join(server.folder, '.git/refs/heads/main')))
})

test('the app of a run that was killed in "create" is connected, whatever of the connection is there', async t => {
  const server = await Server.make(t, { hasApp: false })
  server.failure = dead
  await assert.rejects(server.act(), dead)
  server.failure = null
  await server.act()
  assert.deepEqual(server.asked, ['create', 'create', 'connect'])
})

test("an app of that name that is someone else's is never taken, however often it is tried", async t => {
  const server = await Server.make(t, { hasApp: true })
  await assert.rejects(server.act(), refused)
  await assert.rejects(server.act(), refused)
  assert.deepEqual(server.asked, [])
  assert.ok(!existsSync(server.folder))
})

test('nor is one that someone else makes while the folder is made', async t => {
  const server = await Server.make(t, { hasApp: true })
  await assert.rejects(server.act({ isThere: () => Promise.resolve(false) }), refused)
  await assert.rejects(server.act(), refused)
  assert.deepEqual(server.asked, ['create'])
})
