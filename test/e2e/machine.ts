import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import process from 'node:process'

/** The file that all test files of one run lock; absent: a file that runs by itself waits for nobody. */
const lock = process.env['LADING_TEST_LOCK']
let taken: Promise<unknown> | null = null

/**
 * `npm test` runs two test files at a time, and most suites wait more than they work. Those that count lost requests or
 * race with what they test have the machine to themselves: `alone` waits until no other suite runs, and lets none begin.
 * Held until this process ends, however it ends; of several calls the first counts.
 */
export async function takeMachine(how: 'alone' | 'shared'): Promise<void> {
  await (taken ??= hold('machine', how === 'alone' ? '--exclusive' : '--shared'))
}

/** While one suite brings a platform up, no other does: the second finds the images that the first has made. */
export async function inTurn(install: () => Promise<void>): Promise<void> {
  const turn = await hold('install', '--exclusive')
  try {
    await install()
  } finally {
    turn[Symbol.dispose]()
  }
}

/** `cat` begins when the lock is held, and ends with its input: with this process at the latest. */
async function hold(what: string, kind: '--exclusive' | '--shared'): Promise<Disposable> {
  if (lock === undefined) return { [Symbol.dispose]: () => undefined }
  const file = `${lock}.${what}`
  const holder = spawn('flock', [kind, file, 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  holder.stdin.write('held\n')
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'close').then(([code]) => {
      throw new Error(`flock ${file} exited ${code}`)
    }),
  ])
  holder.unref()
  for (const pipe of [holder.stdin, holder.stdout] as unknown as Socket[]) pipe.unref()
  return { [Symbol.dispose]: () => holder.stdin.end() }
}
