import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBranchName } from '../core/names.ts'
import { PushRig, type GitClient } from '../../test/doubles/push-rig.ts'
import { eventually } from '../../test/rig/eventually.ts'

const main = parseBranchName('main')
const signal = new AbortController().signal

for (const how of ['SIGINT', 'SIGKILL'] as const) {
  test(`${how} while the run waits cancels it once`, async () => {
    await using rig = await PushRig.make()
    await rig.commit({ a: '1' })
    const push = rig.push('main')
    await rig.run(push, 1)
    push.kill(how)
    await assertCancelledOnce(rig, push)
  })

  test(`${how} while the build talks cancels the run once`, async () => {
    await using rig = await PushRig.make()
    await rig.commit({ a: '1' })
    const push = rig.push('main')
    const run = await rig.run(push, 1)
    run.say('-----> Building')
    await push.prints('-----> Building')
    push.kill(how)
    await assertCancelledOnce(rig, push)
  })

  test(`${how} past the point of no return asks once, and the run goes on to live`, async () => {
    await using rig = await PushRig.make()
    const commit = await rig.commit({ a: '1' })
    const push = rig.push('main')
    const run = await rig.run(push, 1)
    run.pastNoReturn = true
    push.kill(how)
    await rig.pipeline.cancelled(1)
    await push.end
    await run.live()
    assert.equal(run.row.state, 'live')
    assert.equal(await rig.repositories.branch(rig.app, main, signal), commit)
    assert.equal(rig.pipeline.cancels.length, 1)
    await noProcessOf(rig)
  })

  test(`${how} while the pack is on its way leaves nothing behind`, async () => {
    await using rig = await PushRig.make()
    // A proxy that stops in the middle of the pack.
    await using line = await Line.make(rig.port, 150_000)
    await rig.commit({ big: randomText(400_000) })
    const push = rig.start(['push', rig.url('shop', 'good-token', line.port), 'main'])
    await line.stalled
    push.kill(how)
    await push.end
    await noProcessOf(rig)
    assert.deepEqual(rig.pipeline.runs, [])
    assert.deepEqual(await rig.refs(), [])
    const objects = join(rig.repositories.program.root, 'shop.git', 'objects')
    await eventually('nothing of the pack is left', async () =>
      (await readdir(objects)).every(name => !name.startsWith('tmp_objdir')),
    )
  })
}

test('a killed push does not start its second deploy', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const push = rig.push('main', 'main:staging')
  await rig.run(push, 1)
  push.kill('SIGKILL')
  await assertCancelledOnce(rig, push)
  assert.equal(rig.pipeline.runs.length, 1)
})

test('behind a proxy that does not tell of clients that left, the next write tells', async () => {
  await using rig = await PushRig.make()
  await using line = await Line.make(rig.port, Infinity)
  await rig.commit({ a: '1' })
  const push = rig.start(['push', rig.url('shop', 'good-token', line.port), 'main'])
  await rig.run(push, 1)
  line.deafToEnds = true
  push.kill('SIGKILL')
  await assertCancelledOnce(rig, push)
})

test('a push that is over is not cancelled when the client leaves', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const push = rig.push('main')
  await (await rig.run(push, 1)).live()
  assert.equal((await push.end).code, 0)
  await noProcessOf(rig)
  assert.deepEqual(rig.pipeline.cancels, [])
})

test('a stopping server cancels open pushes and tells the pusher', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const push = rig.push('main')
  await rig.run(push, 1)
  await rig.listener.stop()
  const { code, stderr } = await push.end
  assert.equal(code, 1)
  assert.match(stderr, /! \[remote rejected\] main -> main \(Lading is being restarted; push again in a moment\)/)
  assert.equal(rig.pipeline.cancels.length, 1)
})

test('a stopping server lets a run past the point of no return go on and says so', async () => {
  await using rig = await PushRig.make()
  await rig.commit({ a: '1' })
  const push = rig.push('main')
  const run = await rig.run(push, 1)
  run.pastNoReturn = true
  await rig.listener.stop()
  const { stderr } = await push.end
  assert.match(stderr, /\(this deploy cannot be stopped any more and goes on by itself\)/)
  assert.match(stderr, /remote:  !     See "lading runs show run00000001"/)
})

async function assertCancelledOnce(rig: PushRig, push: GitClient): Promise<void> {
  await rig.pipeline.cancelled(1)
  await push.end
  await noProcessOf(rig)
  assert.deepEqual(
    rig.pipeline.cancels.map(({ reason }) => reason),
    ['the push was interrupted'],
  )
  assert.equal(rig.pipeline.runs[0]!.row.state, 'cancelled')
  assert.deepEqual(await rig.refs(), [])
}

/** Waits until no git and no hook of this rig's server runs any more. */
async function noProcessOf(rig: PushRig): Promise<void> {
  for (;;) {
    const running = await processesWith(`GIT_PROJECT_ROOT=${rig.repositories.program.root}`)
    if (running.length === 0) return
    await new Promise(resolve => setImmediate(resolve))
  }
}

async function processesWith(variable: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    try {
      const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0')
      if (environment.includes(variable)) found.push(pid)
    } catch (error) {
      // It ended while we looked, or is not ours to look at.
      if (!['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  return found
}

function randomText(bytes: number): string {
  return randomBytes(bytes / 2).toString('hex')
}

/** A TCP line to the server, which can be stopped in the middle and can keep to itself that the client has left. */
class Line {
  deafToEnds = false
  readonly stalled: Promise<void>
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  static async make(to: number, stopAfter: number): Promise<Line> {
    const line = new Line(to, stopAfter)
    await new Promise<void>(resolve => line.#server.listen(0, '127.0.0.1', resolve))
    return line
  }

  private constructor(to: number, stopAfter: number) {
    const stalled = Promise.withResolvers<void>()
    this.stalled = stalled.promise
    this.#server = createServer(client => {
      const server = connect(to, '127.0.0.1')
      let passed = 0
      client.on('data', chunk => {
        passed += chunk.length
        if (passed <= stopAfter) server.write(chunk)
        else stalled.resolve()
      })
      server.on('data', chunk => (client.destroyed ? server.destroy() : client.write(chunk)))
      client.on('close', () => this.deafToEnds || server.destroy())
      server.on('close', () => client.destroy())
      for (const socket of [client, server]) this.#sockets.add(socket.on('error', () => {}))
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
