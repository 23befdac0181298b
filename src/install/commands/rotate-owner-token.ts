import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { systemClock } from '../../core/system.ts'
import { readIfThere } from '../../lib/files.ts'
import { askEdge } from '../platform/edge-request.ts'
import { apiHost } from '../platform/hello.ts'
import { paths } from '../paths.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { waitFor } from '../steps/waiting.ts'
import { changeFile, overwrite } from './rotation.ts'

const schema = z.object({ old: z.string(), new: z.string() })

export interface RotationPlace {
  /** The token's file. It is mounted by itself: it is written in its place, and keeps its inode. */
  readonly token: string
  /** Where the change is written down until it is over. */
  readonly change: string
  /** Whether the control plane takes this token (true), or refuses it; null: it does not answer. */
  readonly isTaken: (token: string, signal: AbortSignal) => Promise<boolean | null>
}

/** Longer than a file's change takes to be noticed (s). */
const noticedSeconds = 30

/**
 * Another owner's token, without a restart: written down, put in its place, seen to be taken and the old one refused.
 * Killed anywhere, the next run goes on with the token that was written down.
 */
export function ownerTokenSteps({ token, change: path, isTaken }: RotationPlace): Step[] {
  const change = changeFile(path, schema)
  const present = async () => ((await readIfThere(token)) ?? '').trim()
  return [
    {
      title: 'new token',
      check: async () => ((await change.read()) === null ? null : 'written down, not yet in use'),
      act: async () => {
        await change.write({ old: await present(), new: randomBytes(32).toString('base64url') })
      },
    },
    {
      title: 'in its place',
      check: async () => ((await present()) === (await change.underWay()).new ? token : null),
      act: async () => overwrite(token, `${(await change.underWay()).new}\n`),
    },
    {
      title: 'control plane',
      check: async signal => {
        const underWay = await change.underWay()
        const isNew = (await isTaken(underWay.new, signal)) === true
        return isNew && (await isTaken(underWay.old, signal)) === false
          ? 'takes the new one, refuses the old one'
          : null
      },
      act: async (say, signal) => {
        const underWay = await change.underWay()
        say('waiting until it has noticed')
        await waitFor(
          {
            title: 'the control plane does not take the new token',
            seconds: noticedSeconds,
            hint: 'It reads it at its start: docker service update --force lading-control, then run this again.',
          },
          async () => ((await isTaken(underWay.new, signal)) === true ? true : null),
          { clock: systemClock, signal },
        )
      },
    },
    {
      title: 'old token',
      check: async () => ((await readIfThere(path)) === null ? 'is gone' : null),
      act: () => rm(path, { force: true }),
    },
  ]
}

/** On this machine: the control plane is asked through the edge, as everybody asks it. */
export function ownerTokenPlace(site: Site): RotationPlace {
  return {
    token: paths.token,
    change: paths.tokenChange,
    isTaken: async (token, signal) => {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await askEdge(apiHost(site), signal, { path: '/v1/info', headers })
      if (answer === null || ![200, 401].includes(answer.status)) return null
      return answer.status === 200
    },
  }
}
