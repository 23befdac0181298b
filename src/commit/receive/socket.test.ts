import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Clock } from '../../core/clock.ts'
import { parseAppName } from '../../core/names.ts'
import { systemClock } from '../../core/system.ts'
import { flush, packet, PacketReader } from './packets.ts'
import { ReceiveSocket, type ReceiveSocketOptions } from './socket.ts'

const signal = new AbortController().signal
const zero = '0'.repeat(40)
const one = '1'.repeat(40)
const impatient: Clock = { ...systemClock, sleep: async () => {} }

test('a hook that no one let in is turned away silently', async () => {
  await using rig = await SocketRig.make({ receive: async () => assert.fail('it was let in') })
  const hook = rig.connect('guessed')
  await new Promise(resolve => hook.resume().once('end', resolve))
  assert.deepEqual(rig.logged, ['push-failed a hook called for a push that was not admitted'])
})

test('only we may open the socket', async () => {
  await using rig = await SocketRig.make({ receive: async () => [] })
  assert.equal((await stat(rig.socket.path)).mode & 0o777, 0o600)
  assert.equal((await stat(rig.folder)).mode & 0o777, 0o700)
})

test('one that closes leaves the socket of the one after it alone', async () => {
  await using rig = await SocketRig.make({ receive: async () => [] })
  const options = {
    receive: async () => [],
    inspect: async () => undefined,
    runDir: rig.folder,
    clock: impatient,
    log: () => {},
  }
  const next = new ReceiveSocket(options)
  await next.start(signal)
  await rig.socket.stop()
  assert.ok((await stat(next.path)).isSocket())
  assert.deepEqual(await readdir(rig.folder), ['receive.sock'])
  await next.stop()
})

test('capabilities, commands and answers are framed as git wants them', async () => {
  await using rig = await SocketRig.make({
    receive: async push => {
      assert.deepEqual(
        [push.app, push.by, push.atomic, push.commands],
        ['shop', 'ada', true, [{ from: null, to: one, ref: 'refs/heads/a b' }]],
      )
      await push.say('\u001b[32m✓ built\u001b[0m\tin\r\n3 s\u0007 \u001b]52;c;eA==\u009c')
      return [
        { ref: 'refs/heads/x', reason: null },
        { ref: 'refs/heads/y', reason: 'no\nway' },
      ]
    },
  })
  const hook = rig.connect('p1')
  hook.write(Buffer.concat([packet('version=1\0push-options atomic'), flush]))
  hook.write(Buffer.concat([packet(`${zero} ${one} refs/heads/a b`), flush]))
  const frames = new PacketReader()
  hook.on('data', chunk => frames.push(chunk))
  const packets = (await frames.section()).join('|')
  assert.equal(
    packets,
    [
      '\u00010014version=1\0atomic0000',
      '\u0002✓ built in 3 s␇ ␛]52;c;eA==\\x9c',
      '\u00010014ok refs/heads/x',
      '\u0001001bng refs/heads/y no way',
    ].join('|'),
  )
})

test('a pusher who does not read holds the lines back, and loses none', async () => {
  let said = 0
  const lines = 20_000
  let held = Promise.withResolvers<void>()
  await using rig = await SocketRig.make({
    receive: async push => {
      for (; said < lines; said++) {
        const saying = push.say(`${said} ${'x'.repeat(1000)}`)
        if (await isPending(saying)) held.resolve()
        await saying
      }
      return []
    },
  })
  const hook = rig.push('p1')
  await held.promise
  assert.ok(said < lines)
  held = Promise.withResolvers()
  const frames = new PacketReader()
  hook.on('data', chunk => frames.push(chunk))
  const progress = (await frames.section()).filter(frame => frame.startsWith('\u0002'))
  assert.equal(progress.length, lines)
})

test('stopping does not wait for a pusher who does not read', async () => {
  const held = Promise.withResolvers<void>()
  await using rig = await SocketRig.make({
    receive: async (push, signal) => {
      while (!signal.aborted) {
        const saying = push.say('x'.repeat(1000))
        if (await isPending(saying)) held.resolve()
        await saying
      }
      throw signal.reason
    },
  })
  const hook = rig.push('p1')
  hook.on('error', () => {})
  await held.promise
  await rig.socket.stop()
})

test('a hook that leaves aborts the push', async () => {
  const started = Promise.withResolvers<AbortSignal>()
  await using rig = await SocketRig.make({
    receive: (_, signal) => {
      started.resolve(signal)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  })
  const hook = rig.push('p1')
  const pushSignal = await started.promise
  const aborted = new Promise(resolve => pushSignal.addEventListener('abort', resolve))
  hook.destroy()
  await aborted
  assert.equal((pushSignal.reason as Error).message, 'the push was interrupted')
})

/** A few turns of the event loop later it still waits: the other side's buffers are full, for they take at once. */
async function isPending(promise: Promise<void>): Promise<boolean> {
  let done = false
  void promise.then(() => (done = true))
  for (let turn = 0; turn < 5 && !done; turn++) await new Promise(resolve => setImmediate(resolve))
  return !done
}

class SocketRig {
  readonly folder: string
  readonly socket: ReceiveSocket
  readonly logged: string[] = []
  readonly #hooks: Socket[] = []

  static async make(options: Pick<ReceiveSocketOptions, 'receive'>): Promise<SocketRig> {
    const rig = new SocketRig(await mkdtemp(join(tmpdir(), 'lading-socket-')), options)
    await rig.socket.start(signal)
    rig.socket.admit('p1', { app: parseAppName('shop'), by: 'ada' })
    return rig
  }

  private constructor(folder: string, options: Pick<ReceiveSocketOptions, 'receive'>) {
    this.folder = folder
    const log = (event: string, facts: Readonly<Record<string, unknown>>) =>
      this.logged.push(`${event} ${String(facts['error'])}`)
    this.socket = new ReceiveSocket({
      ...options,
      inspect: async () => undefined,
      runDir: folder,
      clock: impatient,
      log,
    })
  }

  connect(id: string): Socket {
    const hook = connect(this.socket.path)
    hook.write(packet(id))
    this.#hooks.push(hook)
    return hook
  }

  /** The hook's part up to the commands; it reads nothing until something listens. */
  push(id: string): Socket {
    const hook = this.connect(id)
    hook.write(Buffer.concat([packet('version=1'), flush, packet(`${zero} ${one} refs/heads/main`), flush]))
    return hook
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const hook of this.#hooks) hook.destroy()
    await this.socket.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}
