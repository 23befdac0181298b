import { systemClock } from '../core/system.ts'
import { asAppError } from '../core/errors.ts'
import { readConfig } from './config.ts'
import { Keeper, type KeeperFaults } from './keeper.ts'

const log = (line: string) => process.stdout.write(`${new Date(systemClock.now()).toISOString()} ${line}\n`)

/** The life of a keeper's process: it serves until a signal, or until it has handed over. `faults`: only of a test. */
export async function runKeeper(faults?: KeeperFaults): Promise<void> {
  let serves = false
  try {
    const keeper = new Keeper({ config: readConfig(), clock: systemClock, log, ...(faults && { faults }) })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        log(`keeper: ${signal}`)
        keeper.stop().then(
          () => process.exit(0),
          (error: unknown) => {
            log(`keeper: ${asAppError(error).message}`)
            process.exit(1)
          },
        )
      })
    }
    await keeper.start()
    serves = true
    await keeper.done
    log('keeper: drained; the next keeper serves')
    process.exit(0)
  } catch (thrown) {
    const error = asAppError(thrown)
    log(`keeper: ${error.message}${error.hint ? ` ${error.hint}` : ''}`)
    for (const detail of error.details) log(`keeper:   ${detail}`)
    // One that cannot be this node's keeper is not started again in its container (images/keeper/keep.sh).
    process.exit(serves ? 1 : 2)
  }
}
