import { cp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { systemClock } from '../../core/system.ts'
import { askEdge } from './edge-request.ts'
import { askSocket } from '../swarm/engine-call.ts'
import { readIfThere } from '../../lib/files.ts'
import { checkout, paths } from '../paths.ts'
import { runProgram } from '../host/run-program.ts'
import type { Site } from '../steps/site.ts'
import type { Step } from '../steps/steps.ts'
import { waitFor } from '../steps/waiting.ts'

/** The control plane takes its traffic through the edge like any app, some moments after it answers on its socket. */
export function ownTraffic(site: Site): Step {
  const host = apiHost(site)
  const answers = async (signal: AbortSignal) => ((await askEdge(host, signal))?.status ?? 503) < 500
  return {
    title: 'control plane at the edge',
    check: async signal => ((await answers(signal)) && (await knowsHost(host, signal)) ? `https://${host}` : null),
    act: async (_say, signal) => {
      const ready = async () => ((await knowsHost(host, signal)) ? true : null)
      await waitFor({ title: `${host} does not answer at the edge`, seconds: 60 }, ready, {
        clock: systemClock,
        signal,
      })
    },
  }
}

/** The edge answers 404 with a text of its own for hosts that it does not know. */
export async function knowsHost(host: string, signal: AbortSignal): Promise<boolean> {
  const answer = await askEdge(host, signal)
  return answer !== null && answer.status < 500 && !answer.body.startsWith('No app answers at this host name')
}

/**
 * The example app, deployed as its owner would: a folder, `lading create`, `git push`. Once: when it was live, later
 * runs leave it to its owner, who may have destroyed it.
 */
export function helloStep(site: Site): Step {
  const host = helloHost(site)
  return {
    title: 'hello, by git push',
    check: async signal => {
      if (site.decisions.helloDeployed) return 'deployed before'
      if ((await askEdge(host, signal))?.status !== 200) return null
      await site.change({ helloDeployed: true })
      return `https://${host}`
    },
    act: async (say, signal) => {
      // Whatever platform root's own command line is told of, the example is for this one.
      const here = { say, cwd: paths.hello, env: { LADING_URL: '', LADING_SOCKET: paths.controlSocket } }
      const app = {
        isThere: () => helloIsThere(signal),
        create: () => runProgram(join(checkout, 'lading'), ['create', 'hello'], here, signal),
        connect: () => runProgram(join(checkout, 'lading'), ['connect', 'hello'], here, signal),
      }
      await makeExample(paths.hello, app, say, signal)
      // A CA file in the environment would win over the one that `lading create` has set for this repository. A prompt
      // would wait on the terminal for a name and a password that no one has.
      const env = { GIT_SSL_CAINFO: paths.caCertificate, GIT_TERMINAL_PROMPT: '0' }
      await runProgram('git', [...toThisMachine(site), 'push', 'lading', 'main'], { ...here, env }, signal)
      const live = async () => ((await askEdge(host, signal))?.status === 200 ? true : null)
      await waitFor({ title: `${host} does not answer`, seconds: 20 }, live, { clock: systemClock, signal })
    },
  }
}

const appList = z.array(z.object({ app: z.string() }))

async function helloIsThere(signal: AbortSignal): Promise<boolean> {
  const apps = await askSocket(paths.controlSocket, '/v1/apps', signal)
  if (apps === null) throw new AppError('unavailable', 'the control plane does not answer')
  return appList.parse(apps).some(({ app }) => app === 'hello')
}

interface HelloApp {
  readonly isThere: () => Promise<boolean>
  readonly create: () => Promise<unknown>
  readonly connect: () => Promise<unknown>
}

/**
 * The example's repository with its app. A folder that is there says that no such app was when it appeared: one that is
 * there now is the work of a run that was killed anywhere inside `create`. Rejects `conflict` when the name is someone
 * else's, and leaves no folder then, which the next run would believe.
 */
export async function makeExample(
  folder: string,
  app: HelloApp,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const isAgain = (await readIfThere(join(folder, '.git/HEAD'))) !== null
  if (!isAgain) {
    if (await app.isThere()) throw notOurs()
    await makeRepository(folder, say, signal)
  }
  try {
    await app.create()
  } catch (error) {
    if (!saysTaken(error)) throw error
    if (!isAgain) {
      await rm(folder, { recursive: true })
      throw notOurs()
    }
    await app.connect()
  }
}

function saysTaken(error: unknown): boolean {
  return error instanceof AppError && error.details.some(line => line.endsWith('the name hello is taken'))
}

function notOurs(): AppError {
  return new AppError('conflict', 'an app "hello" is there that "lading up" did not make', {
    hint: 'Leave it as it is, without the example: lading up --no-hello',
  })
}

/** The copy appears when its commit is made: a kill leaves the whole of it or nothing. */
async function makeRepository(folder: string, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const beside = `${folder}.new`
  await rm(beside, { recursive: true, force: true })
  await cp(join(checkout, 'examples/hello'), beside, { recursive: true })
  const git = (...args: string[]) => runProgram('git', args, { say, cwd: beside }, signal)
  await git('init', '--quiet', '--initial-branch=main')
  await git('config', 'user.name', 'Lading')
  await git('config', 'user.email', 'lading@localhost')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'Say hello')
  await rename(beside, folder)
}

/** The base domain may not resolve yet, or to another machine; and no proxy of the environment leads here. */
function toThisMachine(site: Site): string[] {
  const host = apiHost(site)
  const settings = ['http.proxy=', ...[443, 80].map(port => `http.curloptResolve=${host}:${port}:127.0.0.1`)]
  return settings.flatMap(setting => ['-c', setting])
}

export function apiHost(site: Site): string {
  return `lading.${site.decisions.baseDomain}`
}

export function helloHost(site: Site): string {
  return `hello.${site.decisions.baseDomain}`
}
