import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { wentLive } from '../../src/core/states.ts'
import { giveWay } from '../runner/ring.ts'
import { callsOf, canonicalHistories, play, type CanonicalHistory } from './canonical.ts'
import type { Crash } from './gate.ts'
import { atRest } from './invariants.ts'
import { Player } from './player.ts'

before(giveWay)

/** From taking up the backup to the open listeners, and to what it started first, it makes about so many calls. */
const bringingBack = 40

test('the machine lost at any call of any history: its backup of that moment brings back what served, and every law holds', async context => {
  const problems: string[] = []
  let played = 0
  for (const history of canonicalHistories) {
    const calls = await callsOf(history)
    for (let call = 0; call < calls; call += 3, played++)
      for (const found of await afterLoss(history, { call, when: 'after' }))
        problems.push(`${history.name}, call ${call}: ${found}`)
  }
  context.diagnostic(`${played} lost machines`)
  assert.deepEqual(problems, [])
})

test('killed at any call while it brings back, it begins again and ends the same', async context => {
  const problems: string[] = []
  let played = 0
  for (const history of canonicalHistories.filter(({ name }) => name.startsWith('push o'))) {
    const calls = await callsOf(history)
    for (let call = 15; call < calls; call += 25)
      for (let again = 0; again < bringingBack; again++, played++) {
        const nextCrash = { call: again, when: again % 2 === 0 ? 'after' : 'before' } as const
        for (const found of await afterLoss(history, { call, when: 'after' }, nextCrash))
          problems.push(`${history.name}, call ${call}, then ${again}: ${found}`)
      }
  }
  context.diagnostic(`${played} killed twice`)
  assert.deepEqual(problems, [])
})

async function afterLoss(history: CanonicalHistory, crash: Crash, nextCrash?: Crash): Promise<readonly string[]> {
  const player = new Player({ losesMachine: true, ...(nextCrash && { nextCrash }) })
  const before = player.world
  await play(player, history, crash)
  const problems = [...(await atRest(player)), ...(await lostReleases(player))]
  await player.world.dispose()
  if (player.world !== before) await before.dispose()
  return problems
}

/** What a client was told is live had its row before: it serves, unless a newer one does, or it crashed. */
async function lostReleases({ clients, store }: Player): Promise<readonly string[]> {
  const problems: string[] = []
  for (const { key, outcome } of clients) {
    if (!outcome || !wentLive(outcome.state)) continue
    const app = await store.findApp(key.app)
    const row = await store.findRun(outcome.id)
    if (!app || app.destroyedAt !== null || row?.state === 'failed-after-live') continue
    const serving = await store.servingRelease(key)
    if (serving === null || serving.number < (outcome.release ?? 0))
      problems.push(`v${outcome.release} was acknowledged, and ${serving ? `v${serving.number}` : 'nothing'} serves`)
  }
  return problems
}
