import { asAppError } from '../core/errors.ts'
import { systemClock } from '../core/system.ts'
import { openListener } from './api.ts'
import { readConfig } from './config.ts'
import { Follower } from './follower.ts'

const log = (line: string) => process.stdout.write(`${new Date(systemClock.now()).toISOString()} ${line}\n`)

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(`got ${name}`)))

try {
  const config = readConfig()
  const follower = new Follower({ config, clock: systemClock, log })
  await openListener(follower, config.socket, systemClock)
  log(`logs: following ${config.containers}`)
  await follower.run(stop.signal)
  process.exit(0)
} catch (thrown) {
  log(`logs: ${asAppError(thrown).stack}`)
  process.exit(1)
}
