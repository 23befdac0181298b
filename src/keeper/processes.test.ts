import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Processes, processOf, type Inspected } from './processes.ts'

function inspected(changes: { labels?: Record<string, string>; running?: boolean; hostIp?: string } = {}): Inspected {
  const { labels = {}, running = true, hostIp = '10.77.0.1' } = changes
  return {
    Id: 'c1',
    Config: {
      Labels: {
        'lading.app': 'shop',
        'lading.environment': 'production',
        'lading.release': '3',
        'lading.type': 'web',
        'lading.role': 'process',
        'com.docker.swarm.task.name': 'l-shop-production-v3-web.2.k7x1',
        ...labels,
      },
    },
    // No process has this id: its start time is unknown here.
    State: { Running: running, Pid: 2 ** 30, ExitCode: 3, OOMKilled: false, StartedAt: '2026-01-01T00:00:00Z' },
    NetworkSettings: { Ports: { '9000/tcp': null, '8080/tcp': [{ HostIp: hostIp, HostPort: '32768' }] } },
  }
}

void suite('processes as reported by their engine', () => {
  test('labels and port come from one inspection', async () => {
    const process = await processOf(inspected(), '10.77.0.1')
    assert.deepEqual(
      [process?.app, process?.release, process?.name, process?.address],
      ['shop', 3, 'web.2', '10.77.0.1:32768'],
    )
  })

  test('a port on another address is not one of ours', async () => {
    assert.equal((await processOf(inspected({ hostIp: '192.0.2.1' }), '10.77.0.1'))?.address, null)
  })

  test('one-offs and builds are no processes', async () => {
    assert.equal(await processOf(inspected({ labels: { 'lading.role': 'one-off' } }), '10.77.0.1'), null)
    assert.equal(await processOf(inspected({ labels: { 'lading.type': '' } }), '10.77.0.1'), null)
  })

  test('the last twenty that ended are remembered, those that run all', async () => {
    const processes = new Processes()
    const running = await processOf(inspected(), '10.77.0.1')
    const exited = await processOf(inspected({ running: false }), '10.77.0.1')
    assert.ok(running && exited)
    processes.set({ ...running, container: 'first' })
    for (let at = 0; at < 30; at++) processes.set({ ...exited, container: `e${at}` })
    assert.equal(processes.of(running).length, 21)
    assert.equal(processes.get('e9'), undefined)
    assert.equal(processes.get('e10')?.exitCode, 3)
  })
})
