import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { Bench } from './bench.ts'
import { benches } from './benches.ts'
import { exitCode, unexplained, type Bar } from './framework/bar.ts'
import { keep } from './framework/keep.ts'
import { loadAverage, machineFacts } from './framework/machine.ts'
import { plainTables } from './framework/table.ts'
import { SiteOnDemand } from './site.ts'

const checkout = join(import.meta.dirname, '..')
const usage = `npm run bench -- [--only NAME]… [--quick] [--long] [--rate 2000] [--keep-host] [--list]`

interface Options {
  readonly chosen: readonly Bench[]
  readonly quick: boolean
  readonly rate: number
  readonly keepHost: boolean
}

async function main(args: string[]): Promise<number> {
  const options = parse(args)
  if (options === null) return list()
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort(new Error('stopped by SIGINT')))
  await using site = new SiteOnDemand({ say, keepHost: options.keepHost, signal: stop.signal })
  const bars: Bar[] = []
  let broken = 0
  for (const bench of options.chosen) {
    try {
      bars.push(...(await runOne(bench, { options, site, signal: stop.signal })))
    } catch (error) {
      stop.signal.throwIfAborted()
      broken++
      say(`${bench.name} broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
  }
  return judge(bars, broken)
}

interface Running {
  readonly options: Options
  readonly site: SiteOnDemand
  readonly signal: AbortSignal
}

async function runOne(bench: Bench, { options, site, signal }: Running): Promise<readonly Bar[]> {
  say(`\n── ${bench.name}: ${bench.what} (load ${loadAverage()})`)
  const date = new Date().toISOString()
  const machine = await machineFacts(checkout)
  const result = await bench.run({ quick: options.quick, rate: options.rate, say, site: () => site.get(), signal })
  const facts = { ...machine, ...site.facts(), 'load at the end': loadAverage() }
  const kept = { bench: bench.name, what: bench.what, date, quick: options.quick, machine: facts, ...result }
  say(`\n${plainTables(result)}\n`)
  say(`kept: ${await keep(join(checkout, 'bench/results'), kept)}`)
  return result.bars
}

async function judge(bars: readonly Bar[], broken: number): Promise<number> {
  if (os.loadavg()[0]! > os.availableParallelism())
    say('The machine is busier than it has cores: only ratios of neighbours in time mean something.')
  const promises = await readFile(join(checkout, 'docs/promises.md'), 'utf8')
  for (const bar of unexplained(bars, promises)) say(`missed, and not in docs/promises.md: ${bar.id} (${bar.what})`)
  return exitCode({ bars, broken, promises })
}

/** Null: `--list`. Throws on an unknown option or name. */
function parse(args: string[]): Options | null {
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true },
      rate: { type: 'string', default: '2000' },
      quick: flag,
      long: flag,
      list: flag,
      'keep-host': flag,
    },
  })
  if (values.list) return null
  const only = values.only ?? []
  for (const name of only)
    if (!benches.some(bench => bench.name === name)) throw new Error(`no bench ${name}\n${usage}`)
  const isChosen = (bench: Bench) => (only.length > 0 ? only.includes(bench.name) : values.long || bench.long !== true)
  return {
    chosen: benches.filter(isChosen),
    quick: values.quick,
    rate: Number(values.rate),
    keepHost: values['keep-host'],
  }
}

function list(): number {
  for (const bench of benches) say(`${bench.name.padEnd(16)} ${bench.what}${bench.long ? ' (--long)' : ''}`)
  return 0
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
