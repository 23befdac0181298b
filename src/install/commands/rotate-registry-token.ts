import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { request } from 'node:http'
import { z } from 'zod'
import { registryName } from '../../core/names.ts'
import { systemClock } from '../../core/system.ts'
import { Secret } from '../../core/secret.ts'
import { renewPullTokens } from '../../docker/update-service.ts'
import { readIfThere } from '../../lib/files.ts'
import { paths } from '../paths.ts'
import type { Step } from '../steps/steps.ts'
import { waitFor } from '../steps/waiting.ts'
import { engine } from '../swarm/engine-call.ts'
import { changeFile, overwrite } from './rotation.ts'

/** `given`: every service carries the new one, so that the old one may go. */
const schema = z.object({ old: z.string(), new: z.string(), given: z.boolean() })

export interface RegistryTokenPlace {
  /** The token's file. It is mounted by itself: it is written in its place, and keeps its inode. */
  readonly token: string
  /** Where the change is written down until it is over. */
  readonly change: string
  /** Whether the registry's listener takes this token (true), or refuses it; null: it does not answer. */
  readonly isTaken: (token: string, signal: AbortSignal) => Promise<boolean | null>
  /** Gives the token to every service that carries one. */
  readonly give: (token: string, signal: AbortSignal) => Promise<void>
}

/** Longer than the keeper takes at most to look at the file and to start another HAProxy (s). */
const noticedSeconds = 90

/**
 * Another token for engines. Until every service carries the new one, the listener takes both, so that at any moment a task
 * that is started again can pull. Killed anywhere, the next run goes on with the one that was written down.
 */
export function registryTokenSteps({ token, change: path, isTaken, give }: RegistryTokenPlace): Step[] {
  const change = changeFile(path, schema)
  const lines = async () => ((await readIfThere(token)) ?? '').trim().split('\n')
  const until = (title: string, is: () => Promise<boolean>, signal: AbortSignal) => {
    const hint =
      'Is the keeper of this version? "lading up" makes it so; "lading doctor" tells more. Then run this again.'
    const ask = async () => ((await is()) ? true : null)
    return waitFor({ title, seconds: noticedSeconds, hint }, ask, { clock: systemClock, signal })
  }
  return [
    {
      title: 'new token',
      check: async () => ((await change.read()) === null ? null : 'written down, not yet in use'),
      act: async () => {
        const [old = ''] = await lines()
        await change.write({ old, new: randomBytes(32).toString('base64url'), given: false })
      },
    },
    {
      title: 'both are taken',
      check: async signal => {
        const underWay = await change.underWay()
        if (underWay.given) return 'the new one is in use already'
        const isThere = (await lines()).join() === `${underWay.new},${underWay.old}`
        return isThere && (await isTaken(underWay.new, signal)) === true ? 'by the registry' : null
      },
      act: async (say, signal) => {
        const underWay = await change.underWay()
        await overwrite(token, `${underWay.new}\n${underWay.old}\n`)
        say('waiting until the keeper has noticed')
        const is = async () => (await isTaken(underWay.new, signal)) === true
        await until('the registry’s listener does not take the new token', is, signal)
      },
    },
    {
      title: 'services',
      check: async () => ((await change.underWay()).given ? 'pull with the new one; no task was restarted' : null),
      act: async (_say, signal) => {
        const underWay = await change.underWay()
        await give(underWay.new, signal)
        await change.write({ ...underWay, given: true })
      },
    },
    {
      title: 'the old one is refused',
      check: async signal => {
        const underWay = await change.underWay()
        const isAlone = (await lines()).join() === underWay.new
        return isAlone && (await isTaken(underWay.old, signal)) === false ? 'by the registry' : null
      },
      act: async (say, signal) => {
        const underWay = await change.underWay()
        await overwrite(token, `${underWay.new}\n`)
        say('waiting until the keeper has noticed')
        const is = async () => (await isTaken(underWay.old, signal)) === false
        await until('the registry’s listener still takes the old token', is, signal)
      },
    },
    {
      title: 'old token',
      check: async () => ((await readIfThere(path)) === null ? 'is gone' : null),
      act: () => rm(path, { force: true }),
    },
  ]
}

export const registryTokenPlace: RegistryTokenPlace = {
  token: paths.registryToken,
  change: paths.registryTokenChange,
  isTaken: askRegistry,
  give: async (token, signal) => void (await renewPullTokens(engine, () => new Secret(token), signal)),
}

const registryPort = Number(registryName.split(':')[1])

/** As an engine asks before a pull. */
function askRegistry(token: string, signal: AbortSignal): Promise<boolean | null> {
  const auth = `engine:${token}`
  return new Promise((resolve, reject) => {
    const what = { host: '127.0.0.1', port: registryPort, path: '/v2/', auth, agent: false, signal }
    const outgoing = request(what, incoming => {
      incoming.resume()
      if (incoming.statusCode === 401) resolve(false)
      else resolve(incoming.statusCode === 200 ? true : null)
    })
    outgoing.on('error', () => (signal.aborted ? reject(signal.reason as Error) : resolve(null)))
    outgoing.end()
  })
}
