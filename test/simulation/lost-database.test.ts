import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { AppError } from '../../src/core/errors.ts'
import { parseAppName, parseProcessType, production, type EnvironmentKey } from '../../src/core/names.ts'
import { wentLive } from '../../src/core/states.ts'
import { giveWay } from '../runner/ring.ts'
import { callsOf, canonicalHistories, play, type CanonicalHistory } from './canonical.ts'
import type { Crash } from './gate.ts'
import { atRest } from './invariants.ts'
import { Player } from './player.ts'
import type { CommitKind } from './world.ts'

before(giveWay)

const key: EnvironmentKey = { app: parseAppName('shop'), environment: production }
const workers: CommitKind = { processes: [{ type: parseProcessType('worker'), command: 'work' }] }

/** Apps without a route: nothing at the edge says which of their releases serves. */
const withoutRoute: readonly CanonicalHistory[] = [
  {
    name: 'push of workers over workers',
    before: async player => {
      await player.createApp('shop')
      await player.settled(await player.push(key, workers))
      await player.settled(await player.submit(key, { kind: 'scale', formation: { worker: 2 } }))
    },
    act: async player => player.settled(await player.push(key, workers)),
  },
  {
    name: 'push of workers over a web process, and back',
    before: async player => {
      await player.createApp('shop')
      await player.settled(await player.push(key, {}))
    },
    act: async player => {
      await player.settled(await player.push(key, workers))
      await player.settled(await player.push(key, {}))
    },
  },
]

/** A destroyed app is lost with its rows, or comes back and is destroyed again: docs/design/store.md. */
const histories = [...canonicalHistories.filter(({ name }) => !name.startsWith('destroyed')), ...withoutRoute]

/** From the first look at the empty database to the open listeners it makes about so many calls. */
const readingBack = 24

test('the database lost at any call of any history: what was acknowledged serves, and every law holds', async context => {
  const problems: string[] = []
  let played = 0
  for (const history of histories) {
    const calls = await callsOf(history)
    for (let call = 0; call < calls; call++, played++) {
      for (const found of await afterLoss(history, { call, when: 'after' })) {
        problems.push(`${history.name}, call ${call}: ${found}`)
      }
    }
  }
  context.diagnostic(`${played} lost databases`)
  assert.deepEqual(problems, [])
})

test('killed at any call while it reads back, it begins again and ends the same', async context => {
  const problems: string[] = []
  let played = 0
  for (const history of histories.filter(({ name }) => name.startsWith('push o'))) {
    const calls = await callsOf(history)
    for (let call = 20; call < calls; call += 20) {
      for (let again = 0; again < readingBack; again++, played++) {
        const nextCrash = { call: again, when: again % 2 === 0 ? 'after' : 'before' } as const
        for (const found of await afterLoss(history, { call, when: 'after' }, nextCrash)) {
          problems.push(`${history.name}, call ${call}, then ${again}: ${found}`)
        }
      }
    }
  }
  context.diagnostic(`${played} killed twice`)
  assert.deepEqual(problems, [])
})

async function afterLoss(history: CanonicalHistory, crash: Crash, nextCrash?: Crash): Promise<readonly string[]> {
  const player = new Player({ losesDatabase: true, ...(nextCrash && { nextCrash }) })
  try {
    await play(player, history, crash)
  } catch (error) {
    // One history writes config past the listeners, which are closed until the rows are back.
    if (!(error instanceof AppError && error.code === 'not-found')) throw error
  }
  // The push that put the branch where it is may be lost with its rows: then they do not tell where it should be.
  const rest = (await atRest(player)).filter(problem => !/branch are \[.*\], should be \[\]$/.test(problem))
  const problems = [...rest, ...(await lostReleases(history, player))]
  await player.world.dispose()
  return problems
}

/** What a client was told is live serves, unless a newer one does, or it crashed. */
async function lostReleases({ name }: CanonicalHistory, { clients, store }: Player): Promise<readonly string[]> {
  const problems: string[] = []
  for (const { key, outcome } of clients) {
    if (!outcome || !wentLive(outcome.state) || name.includes('crashes in its observation window')) continue
    const serving = await store.servingRelease(key)
    if (serving === null || serving.number < (outcome.release ?? 0)) {
      problems.push(`v${outcome.release} was acknowledged, and ${serving ? `v${serving.number}` : 'nothing'} serves`)
    }
  }
  return problems
}
