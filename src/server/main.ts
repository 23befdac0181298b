import { asAppError } from '../core/errors.ts'
import { systemClock } from '../core/system.ts'
import { readConfig } from './config.ts'
import { run } from './lifecycle.ts'
import { createLog } from './log.ts'

const log = createLog(systemClock, line => process.stdout.write(line))

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(`got ${name}`)))

async function main(): Promise<void> {
  const config = readConfig()
  await run(config, log, stop.signal)
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (stop.signal.aborted) process.exit(0)
    log('ended', { error: asAppError(error) })
    process.exit(1)
  },
)
