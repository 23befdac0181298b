import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { systemClock } from '../../core/system.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import { askEdge } from '../platform/edge-request.ts'
import { apiHost } from '../platform/hello.ts'
import { paths } from '../paths.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { waitFor } from '../steps/waiting.ts'

/** What the rotation is about, from its first line to its last: there while one is under way, and known to root alone. */
const changeFile = z.object({ old: z.string(), new: z.string() })

type Change = z.infer<typeof changeFile>

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
export function ownerTokenSteps({ token, change, isTaken }: RotationPlace): Step[] {
  const present = async () => ((await readIfThere(token)) ?? '').trim()
  return [
    {
      title: 'new token',
      check: async () => ((await readChange(change)) === null ? null : 'written down, not yet in use'),
      act: async () => {
        const next = { old: await present(), new: randomBytes(32).toString('base64url') }
        await writeWhole(change, `${JSON.stringify(next satisfies Change)}\n`, 0o600)
      },
    },
    {
      title: 'in its place',
      check: async () => ((await present()) === (await changeUnderWay(change)).new ? token : null),
      act: async () => overwrite(token, `${(await changeUnderWay(change)).new}\n`),
    },
    {
      title: 'control plane',
      check: async signal => {
        const underWay = await changeUnderWay(change)
        const isNew = (await isTaken(underWay.new, signal)) === true
        return isNew && (await isTaken(underWay.old, signal)) === false
          ? 'takes the new one, refuses the old one'
          : null
      },
      act: async (say, signal) => {
        const underWay = await changeUnderWay(change)
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
      check: async () => ((await readIfThere(change)) === null ? 'is nobody’s any more' : null),
      act: () => rm(change, { force: true }),
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

/** Null: none is under way. */
async function readChange(path: string): Promise<Change | null> {
  const text = await readIfThere(path)
  return text === null ? null : changeFile.parse(JSON.parse(text))
}

async function changeUnderWay(path: string): Promise<Change> {
  const underWay = await readChange(path)
  if (underWay === null) throw new AppError('internal', `${path} went away while the token was changed`)
  return underWay
}

/** In the same inode. Where the texts are of one length, as tokens of ours are, there is no moment between two. */
async function overwrite(path: string, text: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(text, 0, 'utf8')
    await file.truncate(Buffer.byteLength(text))
    await file.sync()
  } finally {
    await file.close()
  }
}
