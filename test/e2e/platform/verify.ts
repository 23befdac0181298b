import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BillDocument } from '../../../src/api/documents.ts'
import type { StepVerdict } from '../../../src/core/release.ts'
import type { Run } from '../../../src/core/run.ts'
import { isFinal } from '../../../src/core/states.ts'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { App, Platform } from '../host.ts'

/** What a step may know and do: it fails with the first thing that it should not find. */
const cage = [
  '[ "$(id -u)" != 0 ] || { echo it is root; exit 1; }',
  'grep -q "^CapEff:.0*$" /proc/self/status || { echo it has capabilities; exit 1; }',
  'grep -q "^NoNewPrivs:.1$" /proc/self/status || { echo it may gain privileges; exit 1; }',
  'for it in /var/run/docker.sock /run/lading /var/lib/lading; do [ ! -e $it ] || { echo $it is there; exit 1; }; done',
  '[ -z "$GREETING" ] || { echo it has the config of the app; exit 1; }',
].join('\n          ')

const good = `verify:
  steps:
    cage:
      run: |
          ${cage}
    unit: { run: "node --test --test-reporter=junit --test-reporter-destination=/tmp/junit.xml", reports: /tmp/junit.xml }
    tap: { run: "node --test --test-reporter=tap", reports: "-", matrix: { SHARD: [1, 2] }, needs: [unit] }
    style: { run: "exit 9", retries: 1, allow_failure: true }
`

const bad = `verify:
  steps:
    unit: { run: "echo before; exit 3" }
    after: { run: "echo never", needs: [unit] }
    hang: { run: "sleep 1000 & exec sleep 1000", timeout: 3s }
    forks: { run: "f() { f | f & }; f; sleep 2; exit 4" }
    rubbish: { run: "head -c 3000000 /dev/urandom; printf '\\\\033]0;owned\\\\007'; yes | head -n 5000", timeout: 60s }
`

const tests = `import { test } from 'node:test'
test('adds', () => undefined)
test('waits', { skip: true }, () => undefined)
`

/** Steps of verify on a real engine: what they are told, how they end, and that nothing of them stays. */
export function verifySteps(platform: () => Platform): void {
  const create = async (name: string, yaml: string): Promise<App> => {
    const app = await platform().create(name, 'apps/hello')
    await app.lading(['set', 'GREETING=hello'])
    await app.write('lading.yaml', yaml)
    await app.write('a.test.js', tests)
    await app.commit('Steps')
    return app
  }
  const runs = (app: App) => platform().json<Run[]>(['runs', '--app', app.name])
  const stepsOf = async (app: App, release: string): Promise<Readonly<Record<string, StepVerdict>>> => {
    const { verdict } = await platform().json<BillDocument>(['bill', release, '--app', app.name])
    return Object.fromEntries((verdict.steps ?? []).map(step => [step.name, step]))
  }
  const nothingLeft = () =>
    eventually('no container and no network of a step is left', async () => {
      const filter = ['--quiet', '--filter', 'label=lading.role=verify']
      const { host } = platform()
      const left = [
        await host.run(['docker', 'ps', '--all', ...filter]),
        await host.run(['docker', 'network', 'ls', ...filter]),
      ]
      if (left.join('') !== '') throw new Error(left.join('\n'))
      return true
    })

  test('steps pass in a cage without the config of the app; counts, times and what may fail are on the bill', async () => {
    const app = await create('steps', good)
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    assert.match(push.stderr, /unit passed \(1 test, 1 skipped\), [\d.]+ s/)
    await app.answers('v1 hello')
    const steps = await stepsOf(app, 'v1')
    assert.equal(steps['cage']?.state, 'passed', push.stderr)
    assert.deepEqual(steps['tap (SHARD=2)']?.counts, { passed: 1, failed: 0, skipped: 1, failures: [] })
    assert.deepEqual([steps['style']?.how, steps['style']?.attempts, steps['style']?.mayFail], ['exited 9', 2, true])
    await nothingLeft()

    await app.lading(['deploy'])
    const again = await stepsOf(app, 'v2')
    const [first] = (await runs(app)).toReversed()
    assert.deepEqual([again['unit']?.state, again['unit']?.passedIn], ['remembered', first?.id])
    await app.lading(['deploy', '--fresh'])
    assert.equal((await stepsOf(app, 'v3'))['unit']?.state, 'passed')
    await nothingLeft()
  })

  test('steps that fail, hang, fork and print rubbish refuse the push: the branch stays, nothing is left', async () => {
    const app = await create('bad-steps', bad)
    const push = await app.push()
    assert.notEqual(push.code, 0)
    assert.match(push.stderr, /! \[remote rejected\] main -> main \(verify: unit, hang, forks failed\)/)
    assert.match(push.stderr, /after was not run: needs unit, which failed/)
    assert.match(push.stderr, /hang failed: ran longer than 3 s/)
    assert.equal(push.stderr.includes('\u001b]0;'), false)
    assert.equal(await app.remoteHead(), null)
    assert.deepEqual(await app.releases(), [])
    const [run] = await runs(app)
    assert.equal(run?.state, 'failed')
    assert.match(await app.lading(['runs', 'show', run.id]), /✗ unit failed: exited 3/)
    await nothingLeft()
  })

  test('a run that is cancelled while a step runs ends at once, and its container is killed', async () => {
    const app = await create('long-steps', 'verify:\n  steps:\n    long: echo begun; exec sleep 1000\n')
    const pushed = app.push()
    const run = await underWay(app)
    await app.lading(['runs', 'cancel', run.id])
    assert.match((await pushed).stderr, /cancelled/)
    await nothingLeft()
  })

  test(
    'the control plane is killed while a step runs: the run is cancelled, what had passed is remembered',
    outer,
    async () => {
      const yaml =
        'verify:\n  steps:\n    short: "true"\n    long: { run: "echo begun; exec sleep 1000", needs: [short] }\n'
      const app = await create('killed-steps', yaml)
      const pushed = app.push()
      const run = await underWay(app)
      const { host } = platform()
      const control = await host.run([
        'docker',
        'ps',
        '--quiet',
        '--filter',
        'label=com.docker.swarm.service.name=lading-control',
      ])
      await host.run(['docker', 'kill', '--signal', 'KILL', control])
      await pushed
      await eventually('the run has ended', async () => {
        const { state } = await platform().json<Run>(['runs', 'show', run.id])
        if (!isFinal(state)) throw new Error(state)
        assert.equal(state, 'cancelled')
        return true
      })
      await nothingLeft()
      assert.equal(await app.remoteHead(), null)
      await app.write('lading.yaml', yaml.replace('exec sleep 1000', 'exit 0'))
      await app.commit('Shorter')
      const next = await app.push()
      assert.equal(next.code, 0, next.stderr)
    },
  )

  async function underWay(app: App): Promise<Run> {
    return eventually('a step has begun', async () => {
      const [run] = await runs(app)
      if (run?.state !== 'verifying') throw new Error(run?.state ?? 'no run')
      const { lines } = await platform().json<{ lines: { text: string }[] }>(['runs', 'show', run.id])
      if (!lines.some(({ text }) => text.includes('| begun'))) throw new Error('it has not begun')
      return run
    })
  }
}
