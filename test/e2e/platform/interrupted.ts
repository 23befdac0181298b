import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import type { Run } from '../../../src/core/run.ts'
import { isFinal, wentLive } from '../../../src/core/states.ts'
import { eventually } from '../../rig/eventually.ts'
import { outer } from '../../runner/ring.ts'
import type { Host } from '../../rig/host.ts'
import type { Platform } from '../host.ts'
import { atRest } from '../kills/oracles.ts'
import { Site } from '../kills/site.ts'
import { runOf } from '../kills/socket.ts'

/**
 * A push through the real edge that is broken off, by ctrl-C, a cut line or the builder's death. The edge may keep it to
 * itself that the client has left. Before the point of no return the run is cancelled without a trace, after it the run
 * goes on alone (docs/design/receive.md, law: lost-push-cancels).
 */
export function interruptedPushes(platform: () => Platform, another: () => Promise<Host>): void {
  let site: Site
  let elsewhere: Host

  before(async () => {
    site = await Site.make(platform())
    elsewhere = await another()
    await cp(await platform().host.path('/etc/lading/ca.pem'), await elsewhere.path('/root/ca.pem'))
  })
  after(() => site?.[Symbol.dispose]())

  test('ctrl-C while the pack is on its way: no run is made, the branch has not moved', async () => {
    const next = await site.commit({ ballast: true })
    await elsewhere.slow({ kilobits: 2_000 })
    try {
      await interrupted(said => eventually('git sends', () => said().includes('Writing objects')), pushElsewhere)
    } finally {
      await elsewhere.slow(null)
    }
    assert.equal(await runOf(platform().host, site.app.name, next.commit), null)
    assert.equal(await site.app.remoteHead(), site.head)
  })

  test('ctrl-C while it is built: its run is cancelled, the branch has not moved', async () => {
    const next = await site.commit({ build: true })
    await interrupted(said => eventually('the build talks', () => said().includes('part 2 of 30')))
    await cancelledWithoutTrace(next.commit)
  })

  test('ctrl-C while the new release starts: its run is cancelled, nothing of it is left, the branch has not moved', async () => {
    const next = await site.commit({})
    const hold = site.witness.hold('boot', next.version)
    try {
      await interrupted(() => hold.arrived)
      await cancelledWithoutTrace(next.commit)
    } finally {
      hold.letGo()
    }
  })

  test('a line that is cut silently: the platform finds out by itself, and cancels the run', outer, async () => {
    // The edge takes a minute to call a line dead; the run must still be starting then.
    await site.app.write('lading.yaml', 'timeouts:\n  boot: 10m\n')
    const next = await site.commit({})
    const hold = site.witness.hold('boot', next.version)
    const git = await pushElsewhere()
    try {
      await Promise.race([hold.arrived, once(git, 'close').then(([code]) => assert.fail(`git ended with ${code}`))])
      await elsewhere.cut()
      await noneReceives(180_000)
      await cancelledWithoutTrace(next.commit)
    } finally {
      process.kill(-git.pid!, 'SIGKILL')
      hold.letGo()
      await elsewhere.heal()
    }
  })

  test('the builder is killed while it builds: the push says so, the branch has not moved, the next build goes', async () => {
    let said = ''
    const push = await site.push({ build: true }, text => (said += text))
    await eventually('the build talks', () => said.includes('part 2 of 30'))
    await platform().host.run(['docker', 'kill', 'lading-builder'])
    const { code, stderr } = await push.outcome
    assert.notEqual(code, 0)
    assert.match(stderr, /the builder was stopped during the build/)
    assert.match(stderr, /Push again/)
    await atRest(site)
    assert.equal(await site.app.remoteHead(), site.head)
    await site.app.answers(site.serving.version)
    await site.proves({ build: true })
  })

  test('ctrl-C in the release phase: the run goes on alone, the phase runs once, the branch follows', async () => {
    const next = await site.commit({ release: true })
    const hold = site.witness.hold('release', next.version)
    try {
      await interrupted(() => hold.arrived)
    } finally {
      hold.letGo()
    }
    const run = await end(next.commit)
    assert.ok(wentLive(run.state), `${run.state}: ${run.reason}`)
    await eventually('the branch follows', async () => (await site.app.remoteHead()) === next.commit)
    await site.app.answers(next.version)
    assert.equal(site.witness.count('release', next.version), 1)
    site.serving = { version: next.version, release: run.release ?? 0 }
    site.head = next.commit
    await atRest(site)
  })

  test('the next push goes as if nothing had been', () => site.proves())

  async function cancelledWithoutTrace(commit: string): Promise<void> {
    const run = await end(commit)
    assert.deepEqual([run.state, run.reason], ['cancelled', 'the push was interrupted'])
    await atRest(site)
    assert.equal(await site.app.remoteHead(), site.head)
    await site.app.answers(site.serving.version)
  }

  /** Pushes, and presses ctrl-C when the moment has come; resolves when the control plane has noticed. */
  async function interrupted(moment: (said: () => string) => Promise<unknown>, push = pushHere): Promise<void> {
    const git = await push()
    let said = ''
    for (const stream of [git.stdout!, git.stderr!]) stream.on('data', chunk => (said += String(chunk)))
    const closed = once(git, 'close')
    const early = closed.then(([code]) => assert.fail(`git ended with ${code} by itself: ${said}`))
    const begun = eventually('the control plane receives it', async () => (await receiving()).length > 0)
    await Promise.race([begun, early])
    await Promise.race([moment(() => said), early])
    // As a terminal does: to the whole foreground group.
    process.kill(-git.pid!, 'SIGINT')
    await closed
    await noneReceives()
  }

  async function noneReceives(withinMs = 60_000): Promise<void> {
    const none = async () => (await receiving()).length === 0
    await eventually('the control plane knows that no one waits', none, { withinMs })
  }

  async function pushHere(): Promise<ChildProcess> {
    const env = { GIT_SSL_CAINFO: '/etc/lading/ca.pem' }
    return platform().host.spawn(['git', 'push', '--progress', 'lading', 'main'], { cwd: site.app.folder, env })
  }

  /** From another machine, over a line of its own. */
  async function pushElsewhere(): Promise<ChildProcess> {
    const { host, url, token } = platform()
    const cwd = site.app.folder
    await cp(await host.path(cwd), await elsewhere.path(cwd), { recursive: true, force: true })
    const { hostname } = new URL(url)
    const settings = [`http.curloptResolve=${hostname}:443:${host.address}`, 'http.sslCAInfo=/root/ca.pem']
    const remote = new URL(await site.app.git(['remote', 'get-url', 'lading']))
    // On the node itself a remote is plain: from elsewhere no token goes over an open line.
    remote.protocol = 'https:'
    remote.username = 'lading'
    remote.password = token
    const options = settings.flatMap(setting => ['-c', setting])
    return elsewhere.spawn(['git', ...options, 'push', '--progress', remote.href, 'main'], { cwd })
  }

  /** What git runs for a push, in the control plane's container. */
  async function receiving(): Promise<readonly string[]> {
    const { host } = platform()
    const filter = 'label=com.docker.swarm.service.name=lading-control'
    const container = await host.run(['docker', 'ps', '--quiet', '--filter', filter])
    const listing = await host.run(['docker', 'top', container, '-eo', 'pid,args'])
    return listing.split('\n').filter(line => /receive-pack|proc-receive/.test(line))
  }

  async function end(commit: string): Promise<Run> {
    return eventually('the run has its end', async () => {
      const run = await runOf(platform().host, site.app.name, commit)
      return run !== null && (isFinal(run.state) || wentLive(run.state)) && run
    })
  }
}
