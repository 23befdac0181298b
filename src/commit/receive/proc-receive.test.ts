import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { flush, packet } from './packets.ts'

const hook = join(import.meta.dirname, '../../../images/control/hooks/proc-receive')

test('the hook says in words that nothing answers', async () => {
  const { stderr, code } = await startHook({ LADING_RECEIVE_SOCKET: '/nonexistent/receive.sock', LADING_PUSH: 'p' }).end
  assert.equal(code, 1)
  assert.match(stderr, /control plane does not answer \(No such file or directory\); push again in a moment/)
})

test('the hook refuses a push that did not come through our listener', async () => {
  assert.match((await startHook({}).end).stderr, /takes pushes through Lading's HTTP listener only/)
})

test('the hook gives its id first, then passes both ways what comes, and ends with the answer', async () => {
  await using control = await Control.make()
  const running = startHook({ LADING_RECEIVE_SOCKET: control.path, LADING_PUSH: 'p1' })
  const socket = await control.connection
  running.stdin.write('0005x')
  assert.equal((await read(socket, 11)).toString(), '0006p1' + '0005x')
  const long = 'y'.repeat(60_000)
  // In pieces that do not respect the frames.
  const bytes = Buffer.concat([packet('\u0002-----> Hi\n'), packet(`\u0001${long}`), flush])
  for (let at = 0; at < bytes.length; at += 7001) socket.write(bytes.subarray(at, at + 7001))
  assert.deepEqual(await running.end, { code: 0, stdout: `${long}0000`, stderr: '-----> Hi\n' })
})

test('the hook ends when git does', async () => {
  await using control = await Control.make()
  const running = startHook({ LADING_RECEIVE_SOCKET: control.path, LADING_PUSH: 'p1' })
  const socket = await control.connection
  const closed = new Promise(resolve => socket.resume().once('end', resolve))
  running.stdin.end()
  assert.equal((await running.end).code, 1)
  await closed
})

test('the hook ends when the control plane does, and says where to look', async () => {
  await using control = await Control.make()
  const running = startHook({ LADING_RECEIVE_SOCKET: control.path, LADING_PUSH: 'p1' })
  ;(await control.connection).destroy()
  const { code, stderr } = await running.end
  assert.equal(code, 1)
  assert.match(stderr, /the control plane was restarted; "lading runs" says what became of this push/)
})

function startHook(env: Record<string, string>) {
  const child = spawn(hook, [], { env })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const end = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) =>
    child.on('error', reject).on('close', code => resolve({ code, stdout, stderr })),
  )
  return { stdin: child.stdin, end }
}

async function read(socket: Socket, size: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  while (bytes.length < size) {
    bytes = Buffer.concat([bytes, await new Promise<Buffer>(resolve => socket.once('data', resolve))])
  }
  return bytes
}

/** The control plane's end of the socket. */
class Control {
  readonly path: string
  readonly connection: Promise<Socket>
  readonly #folder: string
  readonly #server = createServer()

  static async make(): Promise<Control> {
    const control = new Control(await mkdtemp(join(tmpdir(), 'lading-hook-')))
    await new Promise<void>(resolve => control.#server.listen(control.path, resolve))
    return control
  }

  private constructor(folder: string) {
    this.#folder = folder
    this.path = join(folder, 'receive.sock')
    this.connection = new Promise(resolve => this.#server.once('connection', resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
