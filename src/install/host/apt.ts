import type { Clock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { systemClock } from '../../core/system.ts'
import { runProgram } from './run-program.ts'
import { waitFor } from '../steps/waiting.ts'

/** Without questions, and in the language of `saysLocked`: LANGUAGE would win over LC_ALL. */
const environment = {
  DEBIAN_FRONTEND: 'noninteractive',
  NEEDRESTART_SUSPEND: '1',
  LC_ALL: 'C.UTF-8',
  LANGUAGE: '',
}

/** Runs `apt-get` or `dpkg` without questions; waits for another one that holds a lock. Returns what it printed. */
export async function runApt(
  program: 'apt-get' | 'dpkg',
  args: readonly string[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const run = () => runProgram(program, args, { env: environment, say }, signal)
  return onceUnlocked(run, say, { clock: systemClock, signal })
}

/**
 * Repeats what fails because of a held lock for up to 300 s. A machine's first minutes belong to apt-daily and
 * unattended-upgrades, and apt's own `DPkg::Lock::Timeout` covers neither dpkg nor the lists nor the archives.
 */
export async function onceUnlocked(
  run: () => Promise<string>,
  say: (line: string) => void,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string> {
  let lastDetails: readonly string[] = []
  const ask = async () => {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof AppError && error.details.some(saysLocked))) throw error
      lastDetails = error.details
      say('waiting for another apt')
      return null
    }
  }
  const what = {
    title: 'another apt or dpkg does not let go of its lock',
    seconds: 300,
    everyMs: 2000,
    hint: 'See what it does (ps -e | grep -E "apt|dpkg|unattended"); when it has ended, run the same again.',
    details: () => Promise.resolve(lastDetails),
  }
  return waitFor(what, ask, { clock, signal })
}

/** The words of apt 2 and dpkg 1.21 and later, in the language that they are asked in above. */
function saysLocked(line: string): boolean {
  return /^E: (Could not get lock|Unable to (lock|acquire))|^dpkg: error: .* lock was locked by another process/.test(
    line,
  )
}
