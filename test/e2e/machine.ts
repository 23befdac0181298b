import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import process from 'node:process'

/** The file that all test files of one run lock; absent: a file that runs by itself waits for no one. */
const lock = process.env['LADING_TEST_LOCK']

/**
 * Until one suite of this run has brought a platform up, the others wait: they find the images that the first has made.
 * From then on all install side by side.
 */
export async function inTurn(install: () => Promise<void>): Promise<void> {
  if (lock === undefined || (await isThere(`${lock}.images`))) return install()
  const turn = await hold(lock)
  try {
    if (await isThere(`${lock}.images`)) turn[Symbol.dispose]()
    await install()
    await writeFile(`${lock}.images`, '')
  } finally {
    turn[Symbol.dispose]()
  }
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

/** `cat` begins when the lock is held, and ends with its input: with this process at the latest. */
async function hold(file: string): Promise<Disposable> {
  const holder = spawn('flock', ['--exclusive', file, 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
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
