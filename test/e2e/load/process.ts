import process from 'node:process'
import { Generator } from './generator.ts'
import type { LoadOptions } from './options.ts'
import type { LoadReport } from './report.ts'

/** The messages of load.ts and its process. */
export type Request = { readonly ask: 'start'; readonly options: LoadOptions } | { readonly ask: 'stop' | 'report' }
export interface Reply {
  readonly report: LoadReport
}

/** The answers of the last requests may take as long as the longest time-out; then they have failed by themselves. */
const LOOK_EVERY_MS = 50

let generator: Generator | undefined

process.on('message', (request: Request) => {
  if (request.ask === 'start') {
    generator = new Generator(request.options)
    generator.start()
    reply(generator)
  } else if (generator && request.ask === 'report') reply(generator)
  else if (generator) stop(generator)
})
process.on('disconnect', () => process.exit(0))

function stop(running: Generator): void {
  running.stop()
  const look = setInterval(() => {
    if (running.open > 0) return
    clearInterval(look)
    reply(running)
    process.disconnect()
  }, LOOK_EVERY_MS)
}

function reply(running: Generator): void {
  process.send?.({ report: running.report() } satisfies Reply)
}
