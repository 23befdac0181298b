import { cp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../core/errors.ts'
import { systemClock } from '../core/system.ts'
import { askEdge } from './edge-request.ts'
import { readIfThere } from './files.ts'
import { checkout, paths } from './paths.ts'
import { runProgram } from './run-program.ts'
import type { Site } from './site.ts'
import type { Step } from './steps.ts'
import { waitFor } from './waiting.ts'

/**
 * The example app, deployed as its owner would: a folder, `lading create`, `git push`. Once: when it was live, later
 * runs leave it to its owner, who may have destroyed it.
 */
export function helloSteps(site: Site): Step[] {
  return [ownTraffic(site), hello(site)]
}

/** The control plane takes its traffic through the edge like any app, some moments after it answers on its socket. */
function ownTraffic(site: Site): Step {
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
async function knowsHost(host: string, signal: AbortSignal): Promise<boolean> {
  const answer = await askEdge(host, signal)
  return answer !== null && answer.status < 500 && !answer.body.startsWith('No app answers at this host name')
}

function hello(site: Site): Step {
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
      await makeRepository(say, signal)
      const here = { say, cwd: paths.hello }
      await runProgram(join(checkout, 'lading'), ['create', 'hello'], here, signal).catch(unlessThere)
      // A CA file in the environment would win over the one that `lading create` has set for this repository.
      const trusting = { ...here, env: { GIT_SSL_CAINFO: paths.caCertificate } }
      await runProgram('git', [...toThisMachine(site), 'push', 'lading', 'main'], trusting, signal)
      const live = async () => ((await askEdge(host, signal))?.status === 200 ? true : null)
      await waitFor({ title: `${host} does not answer`, seconds: 20 }, live, { clock: systemClock, signal })
    },
  }
}

/** A run before this one was killed after it had made the app. */
function unlessThere(error: unknown): void {
  const told = error instanceof AppError ? error.details.join('\n') : ''
  if (!/already|exists|is taken/.test(told)) throw error
}

/** The copy appears when its commit is made: a kill leaves the whole of it or nothing. */
async function makeRepository(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  if ((await readIfThere(join(paths.hello, '.git/HEAD'))) !== null) return
  const beside = `${paths.hello}.new`
  await rm(beside, { recursive: true, force: true })
  await cp(join(checkout, 'examples/hello'), beside, { recursive: true })
  const git = (...args: string[]) => runProgram('git', args, { say, cwd: beside }, signal)
  await git('init', '--quiet', '--initial-branch=main')
  await git('config', 'user.name', 'Lading')
  await git('config', 'user.email', 'lading@localhost')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'Say hello')
  await rename(beside, paths.hello)
}

/** The base domain may not resolve yet, or to another machine. */
function toThisMachine(site: Site): string[] {
  const host = apiHost(site)
  return ['-c', `http.curloptResolve=${host}:443:127.0.0.1`, '-c', `http.curloptResolve=${host}:80:127.0.0.1`]
}

export function apiHost(site: Site): string {
  return `lading.${site.decisions.baseDomain}`
}

export function helloHost(site: Site): string {
  return `hello.${site.decisions.baseDomain}`
}
