import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, suite, test } from 'node:test'
import { systemClock } from '../core/system.ts'
import { DockerHttp } from '../docker/http.ts'
import { eventually } from '../../test/rig/eventually.ts'
import { EngineWatch } from './engine-watch.ts'
import type { Inspected } from './processes.ts'

const never = new AbortController().signal

void suite('an engine that goes', () => {
  let folder: string
  let engine: Server
  let answer: RequestListener
  const engineSocket = () => join(folder, 'engine.sock')

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-engine-'))
    engine = createServer((request, response) => answer(request, response))
    engine.listen(engineSocket())
    await once(engine, 'listening')
  })
  after(async () => {
    engine.closeAllConnections()
    engine.close()
    await rm(folder, { recursive: true })
  })

  /** One container, whose first process is this one. */
  const serving =
    (pid: number): RequestListener =>
    ({ url = '' }, response) => {
      if (url === '/version') response.end('{"ApiVersion":"1.41"}')
      else if (url.includes('/events')) response.flushHeaders()
      else response.end(JSON.stringify(url.includes('/containers/json') ? [{ Id: 'c1' }] : inspected(pid)))
    }

  const watching = (log: (line: string) => void = () => undefined) =>
    new EngineWatch({
      engine: new DockerHttp({ socketPath: engineSocket() }),
      clusterAddress: '10.77.0.1',
      clock: systemClock,
      log,
      changed: () => undefined,
    })

  const away: Readonly<Record<string, (serve: RequestListener) => RequestListener>> = {
    'between the beginning of its events and the end of its list': serve => (request, response) => {
      if (request.url?.includes('/containers/json')) engine.closeAllConnections()
      else serve(request, response)
    },
    'while it only takes connections': () => () => undefined,
    'in the middle of its events': serve => (request, response) => {
      serve(request, response)
      if (request.url?.includes('/events')) response.destroy()
    },
  }

  for (const [when, goes] of Object.entries(away)) {
    test(`${when}: processes that end are seen all the same`, async () => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
      const own = new AbortController()
      const watch = watching()
      answer = serving(child.pid ?? 0)
      await watch.list(never)
      assert.equal(watch.processes.get('c1')?.state, 'running')
      answer = goes(answer)
      const running = watch.run(own.signal)
      child.kill('SIGKILL')
      await eventually('the end is seen', () => watch.processes.get('c1')?.state === 'exited', { everyMs: 5 })
      assert.equal(watch.connected, false)
      own.abort()
      engine.closeAllConnections()
      await running
    })
  }

  test('a process that starts while the others are listed is not taken for one that has gone', async () => {
    const watch = watching()
    answer = ({ url = '' }, response) => {
      if (url === '/version') response.end('{"ApiVersion":"1.41"}')
      else if (url.includes('/events')) {
        response.flushHeaders()
        tell = id => response.write(`${JSON.stringify({ Action: 'start', Actor: { ID: id, Attributes: {} } })}\n`)
      } else if (url.includes('/containers/json')) response.end('[{"Id":"c0"}]')
      else if (url.includes('/c1/')) response.end(JSON.stringify(inspected(process.pid)))
      else {
        // The list was made; before its last answer another process starts.
        tell('c1')
        void eventually('the other runs', () => watch.processes.get('c1')?.state === 'running', { everyMs: 5 }).then(
          () => {
            response.statusCode = 404
            response.end('{"message":"No such container"}')
          },
        )
      }
    }
    let tell = (_id: string): unknown => undefined
    const own = new AbortController()
    const running = watch.run(own.signal)
    await eventually('connected', () => watch.connected, { everyMs: 5 })
    assert.equal(watch.processes.get('c1')?.state, 'running')
    own.abort()
    engine.closeAllConnections()
    await running
  })

  test('an answer that another has overtaken is not believed', async () => {
    const watch = watching()
    let asked = 0
    answer = ({ url = '' }, response) => {
      if (url === '/version') return response.end('{"ApiVersion":"1.41"}')
      if (url.includes('/containers/json')) return response.end('[{"Id":"c1"}]')
      const found = inspected(process.pid)
      if (++asked > 1) return response.end(JSON.stringify(found))
      // Asked when it was made and not started yet, and answered after it has started.
      void watch
        .list(never)
        .then(() => response.end(JSON.stringify({ ...found, State: { ...found.State, Running: false } })))
    }
    await watch.list(never)
    assert.equal(watch.processes.get('c1')?.state, 'running')
    engine.closeAllConnections()
  })

  test('one that has told what runs is connected, and is followed until the watch ends', async () => {
    answer = serving(process.pid)
    const own = new AbortController()
    const log: string[] = []
    const watch = watching(line => log.push(line))
    const running = watch.run(own.signal)
    await eventually('connected', () => watch.connected, { everyMs: 5 })
    assert.equal(watch.processes.get('c1')?.state, 'running')
    own.abort()
    await running
    assert.deepEqual(log, [])
  })
})

function inspected(pid: number): Inspected {
  return {
    Id: 'c1',
    Config: {
      Labels: {
        'lading.app': 'shop',
        'lading.environment': 'production',
        'lading.release': '3',
        'lading.type': 'web',
        'lading.role': 'process',
      },
    },
    State: { Running: true, Pid: pid, ExitCode: 0, OOMKilled: false, StartedAt: '2026-01-01T00:00:00Z' },
    NetworkSettings: { Ports: { '8080/tcp': [{ HostIp: '10.77.0.1', HostPort: '32768' }] } },
  }
}
