import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { Run } from '../../../src/core/run.ts'
import { isFinal, wentLive } from '../../../src/core/states.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Platform } from '../host.ts'
import { atRest } from '../kills/oracles.ts'
import { Site } from '../kills/site.ts'
import { runOf } from '../kills/socket.ts'
import type { Hold } from '../kills/witness.ts'

/**
 * Ctrl-C at a push through the real edge, which may keep it to itself that the client has left: before the point of no
 * return the run is cancelled without a trace, after it the run goes on alone (docs/design/receive.md, law 3).
 */
export function interruptedPushes(platform: () => Platform): void {
  let site: Site

  before(async () => (site = await Site.make(platform())))
  after(() => site?.[Symbol.dispose]())

  test('ctrl-C while the new release starts: its run is cancelled, nothing of it is left, the branch has not moved', async () => {
    const next = await site.commit({})
    const hold = site.witness.hold('boot', next.version)
    try {
      await interrupted(hold)
      const run = await end(next.commit)
      assert.deepEqual([run.state, run.reason], ['cancelled', 'the push was interrupted'])
      assert.equal(run.releasePhaseStarted, false)
      await atRest(site)
      assert.equal(await site.app.remoteHead(), site.head)
      await site.app.answers(site.serving.version)
    } finally {
      hold.letGo()
    }
  })

  test('ctrl-C in the release phase: the run goes on alone, the phase runs once, the branch follows', async () => {
    const next = await site.commit({ release: true })
    const hold = site.witness.hold('release', next.version)
    try {
      await interrupted(hold)
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

  /** Pushes, and presses ctrl-C when the app stands at the hold; resolves when the control plane has noticed. */
  async function interrupted(hold: Hold): Promise<void> {
    const { host } = platform()
    const argv = ['git', 'push', 'lading', 'main']
    const env = { GIT_SSL_CAINFO: '/etc/lading/ca.pem' }
    const git = await host.spawn(argv, { cwd: site.app.folder, env })
    const said = Promise.all([text(git.stdout!), text(git.stderr!)])
    const closed = once(git, 'close')
    const early = closed.then(async ([code]) =>
      assert.fail(`git ended with ${code} by itself: ${(await said).join('')}`),
    )
    await Promise.race([hold.arrived, early])
    assert.notDeepEqual(await receiving(), [], 'the control plane receives nothing')
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
