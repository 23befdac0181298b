import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import type { Run } from '../../../src/core/run.ts'
import { isFinal, wentLive } from '../../../src/core/states.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Platform } from '../host.ts'
import { atRest } from '../kills/oracles.ts'
import { Site } from '../kills/site.ts'
import { runOf } from '../kills/socket.ts'

/**
 * Ctrl-C at a push through the real edge, which may keep it to itself that the client has left: before the point of no
 * return the run is cancelled without a trace, after it the run goes on alone (docs/design/receive.md, law 3).
 */
export function interruptedPushes(platform: () => Platform): void {
  let site: Site

  before(async () => (site = await Site.make(platform())))
  after(() => site?.[Symbol.dispose]())

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
  async function interrupted(moment: (said: () => string) => Promise<unknown>): Promise<void> {
    const env = { GIT_SSL_CAINFO: '/etc/lading/ca.pem' }
    const git = await platform().host.spawn(['git', 'push', 'lading', 'main'], { cwd: site.app.folder, env })
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
    await eventually('the control plane knows that nobody waits', async () => (await receiving()).length === 0)
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
