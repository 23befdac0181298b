import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, suite, test } from 'node:test'
import { VirtualClock } from '../../../test/simulation/virtual-clock.ts'
import { eventually } from '../../../test/rig/eventually.ts'
import { startTimeOf } from '../../keeper/processes.ts'
import { AppError } from '../../core/errors.ts'
import { connectMs } from '../slots.ts'
import { admitCommands, commandsFor } from './commands.ts'
import { Draining, Haproxy, isRunning } from './process.ts'
import { answerMs, KeptRuntime, parseLastChecks, parseServersState, Runtime, Unanswered } from './runtime.ts'

/** Taken from HAProxy 3.0.11. */
const servers = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 h1_4_1 1 s1 10.79.0.13 0 4 0 1 3 6 3 5 6 0 0 0 - 9001 - 0 0 - - 0
3 h1_4_1 2 s2 10.79.0.13 2 4 1 1 0 6 3 1000000001 6 0 0 0 - 9002 - 0 0 - - 0
3 h1_4_1 3 s3 127.0.0.1 0 5 1 1 9 1 0 0 14 0 0 0 - 1 - 0 0 - - 0

`

void suite("HAProxy's runtime words", () => {
  test('an armed slot whose checks pass is not up, has no weight and counts them', () => {
    assert.deepEqual(parseServersState(servers)[0], {
      backend: 'h1_4_1',
      slot: 's1',
      address: '10.79.0.13:9001',
      up: false,
      maintenance: false,
      weight: 0,
      passed: 5,
    })
  })

  test('an admitted slot is up with weight, an empty one is in maintenance', () => {
    const [, admitted, empty] = parseServersState(servers)
    assert.deepEqual([admitted?.up, admitted?.weight, admitted?.maintenance], [true, 1, false])
    assert.deepEqual([empty?.up, empty?.maintenance], [false, true])
  })

  test('the last check is told in words', () => {
    const header = '# pxname,svname,check_status,check_code,last_chk,'
    const rows = [
      'l,s1,L4CON,,Connection refused,',
      'l,s2,L7STS,503,"",',
      'l,s3,* L7TOUT,,,',
      'l,s4,INI,,,',
      'l,s5,L4TOUT,,,',
    ]
    assert.deepEqual(
      [...parseLastChecks([header, ...rows].join('\n')).values()],
      ['connection refused', 'HTTP 503', 'timeout after 1 s', 'INI', `no connection within ${connectMs / 1000} s`],
    )
  })

  test('a slot is armed with weight 0 first, and admitted with its weight last', () => {
    assert.deepEqual(commandsFor('lane', { kind: 'place', slot: 1, address: '10.0.0.1:32768', armed: false }), [
      'set server lane/s2 weight 0',
      'set server lane/s2 state ready',
      'set server lane/s2 health down',
      'set server lane/s2 addr 10.0.0.1 port 32768',
    ])
    assert.deepEqual(admitCommands('lane', 1), ['set server lane/s2 health up', 'set server lane/s2 weight 100%'])
  })
})

void suite('a HAProxy that takes a command and says nothing', () => {
  let folder: string
  let server: Server
  let clock: VirtualClock
  /** Commands that came, each with its connection; `prompt` is answered always, as every other once it speaks. */
  let heard: string[]
  let speaks: boolean
  const open = new Set<Socket>()
  const path = () => join(folder, 'runtime.sock')

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-runtime-'))
    server = createServer(socket => {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
      let kept = false
      let waiting: string[] = []
      const answer = () => {
        if (!speaks && waiting[0] !== 'prompt') return
        for (const one of waiting) {
          if (kept) socket.write(`${said(one)}> `)
          else socket.end(said(one))
        }
        waiting = []
      }
      socket.setEncoding('utf8').on('data', (text: string) => {
        waiting.push(text.trim())
        heard.push(text.trim())
        kept ||= text === 'prompt\n'
        answer()
      })
      server.on('speak', answer)
      socket.once('close', () => server.off('speak', answer))
      socket.on('error', () => socket.destroy())
    })
    server.listen(path())
    await once(server, 'listening')
  })
  beforeEach(() => {
    clock = new VirtualClock()
    heard = []
    speaks = false
  })
  after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })

  const speak = () => {
    speaks = true
    server.emit('speak')
  }
  const hears = (count: number) => eventually('it is asked', () => heard.length >= count, { everyMs: 5 })
  const isClosed = () => eventually('the connection is closed', () => open.size === 0, { everyMs: 5 })
  const unanswered = (error: unknown) => {
    assert.ok(error instanceof Unanswered, String(error))
    assert.deepEqual([error.code, error.retryable], ['unavailable', true])
    assert.match(
      error.message,
      /the edge does not answer: HAProxy took a command on .*runtime.sock and said nothing for/,
    )
    assert.match(error.hint ?? '', /push again .* docker restart/i)
    return true
  }

  test('is given up after five seconds; the connection is closed, and the next question has its own', async () => {
    const runtime = new Runtime(path(), clock)
    const rejected = assert.rejects(runtime.ask('show info'), unanswered)
    await hears(1)
    await clock.pass(answerMs - 1)
    assert.equal(open.size, 1)
    await clock.pass(1)
    await rejected
    await isClosed()
    speaks = true
    assert.equal(await runtime.ask('show errors'), 'answer to show errors\n')
    await isClosed()
  })

  test('is told apart from one that refuses a change, which is told with what to do next', async () => {
    speaks = true
    await assert.rejects(new Runtime(path(), clock).change(['set server a/s1 state ready']), (error: unknown) => {
      assert.ok(error instanceof AppError && !(error instanceof Unanswered))
      assert.match(error.message, /^the edge could not be changed: HAProxy refused a command \(answer to set server/)
      assert.match(error.hint ?? '', /^Push again/)
      assert.deepEqual(error.details, ['set server a/s1 state ready'])
      return true
    })
  })

  test('is followed for as long as the reader wants', async () => {
    const own = new AbortController()
    const pieces: string[] = []
    const reading = (async () => {
      for await (const piece of new Runtime(path(), clock).stream('show events', own.signal)) pieces.push(piece)
    })()
    await hears(1)
    await clock.pass(3_600_000)
    assert.equal(open.size, 1)
    own.abort()
    await reading
    await isClosed()
  })

  test('does not keep a start from its end after thirty seconds, and is killed', async () => {
    const [binary, pidFile] = [join(folder, 'haproxy'), join(folder, 'pid')]
    await writeFile(binary, `#!/bin/sh\necho $$ > ${pidFile}.next; mv ${pidFile}.next ${pidFile}; exec sleep 1000\n`)
    await chmod(binary, 0o755)
    const options = { binary, config: 'none', runtimeSocket: path(), takeFrom: null, log: () => undefined }
    const rejected = assert.rejects(Haproxy.start(options, clock), /did not answer within 30 s of its start/)
    await hears(1)
    const pid = Number(await eventually('it runs', () => readFile(pidFile, 'utf8'), { everyMs: 5 }))
    await clock.pass(30_010)
    await rejected
    await eventually('it is gone', async () => (await startTimeOf(pid)) === null, { everyMs: 5 })
    await isClosed()
  })

  test('is neither gone nor answering', async () => {
    const before = { pid: 1, runtimeSocket: path() }
    const rejected = assert.rejects(isRunning(before, clock), unanswered)
    await hears(1)
    await clock.pass(answerMs)
    await rejected
    assert.equal(await isRunning({ pid: 1, runtimeSocket: join(folder, 'none.sock') }, clock), false)
  })

  test('keeps its connection while it drains: who asks next gets the answer to their own question', async () => {
    const kept = await KeptRuntime.open(path(), clock)
    const [first, second] = [assert.rejects(kept.ask('one'), unanswered), assert.rejects(kept.ask('two'), unanswered)]
    await hears(2)
    await clock.pass(answerMs)
    await Promise.all([first, second])
    const third = kept.ask('three')
    speak()
    assert.equal(await third, 'answer to three\n')
    assert.deepEqual(heard, ['prompt', 'one', 'three'])
    kept.close()
    await isClosed()
  })

  test('still has, while it drains, what it said last', async () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    speaks = true
    const draining = await Draining.begin({ pid: child.pid ?? 0, runtimeSocket: path() }, clock)
    assert.deepEqual(await ended, [null, 'SIGUSR1'])
    speaks = false
    const counts = draining.inFlight()
    await hears(4)
    await clock.pass(1000)
    assert.equal((await counts).get('lane'), 2)
    assert.equal(draining.done, false)
    for (const socket of open) socket.destroy()
    await isClosed()
  })
})

/** What a HAProxy with two open connections in one backend says. */
function said(command: string): string {
  return command.startsWith('show stat') ? '# pxname,scur,qcur,\nlane,2,0,\n' : `answer to ${command}\n`
}
