// `npm run soak -- --kills 200 --seed N`: many kills on one host, the result kept in bench/results/.
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { keep } from '../../../bench/framework/keep.ts'
import { loadAverage, machineFacts } from '../../../bench/framework/machine.ts'
import { Rig } from '../../rig/rig.ts'
import { installed } from '../host.ts'
import { atRest, noTraces } from './oracles.ts'
import { plan, type Moment } from './plan.ts'
import { Site } from './site.ts'
import { table } from './table.ts'
import { trial, type TrialResult } from './trial.ts'

const checkout = join(import.meta.dirname, '../../..')

/** Exit code 0: every kill met one of the two oracles. The first that met neither ends it: what follows says nothing. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
  })
  const [kills, seed] = [Number(values.kills), Number(values.seed)]
  if (!Number.isSafeInteger(kills) || !Number.isSafeInteger(seed)) throw new Error('--kills and --seed are numbers')
  const machine = await machineFacts(checkout)
  const rig = new Rig({ name: 'soak', say: say })
  await rig.down()
  try {
    const platform = await installed(await rig.up({ name: 'server', debian: 'trixie' }), { fromCache: true })
    using site = await Site.make(platform)
    const { results, broken } = await soak(site, plan(seed, kills))
    const facts = { ...machine, 'load at the end': loadAverage() }
    say(`kept: ${await keepResult({ seed, kills, results, broken, machine: facts })}`)
    return broken === null ? 0 : 1
  } finally {
    await rig.down()
  }
}

async function soak(site: Site, moments: readonly Moment[]): Promise<Pick<Soak, 'results' | 'broken'>> {
  const results: TrialResult[] = []
  let now = ''
  try {
    for (const moment of moments) {
      now = `kill ${moment.number}: ${moment.target} while ${moment.stage}`
      const result = await trial(site, moment)
      results.push(result)
      say(table([result]).split('\n').at(-1) ?? '')
    }
    now = 'after the last kill'
    await noTraces(site)
    await atRest(site)
    return { results, broken: null }
  } catch (error) {
    const broken = `${now}: ${error instanceof Error ? error.message : String(error)}`
    say(broken)
    return { results, broken }
  }
}

interface Soak {
  readonly seed: number
  readonly kills: number
  readonly results: readonly TrialResult[]
  /** What held neither oracle; null: all did. */
  readonly broken: string | null
  readonly machine: Readonly<Record<string, string>>
}

function keepResult({ seed, kills, results, broken, machine }: Soak): Promise<string> {
  const targets = [...new Set(results.map(({ moment }) => moment.target))].sort()
  const of = (target: string) => results.filter(({ moment }) => moment.target === target)
  const failed = (result: TrialResult): number => Object.values(result.failedBy).reduce((sum, count) => sum + count, 0)
  const stories = results.map(result => table([result]).split('\n').at(-1) ?? '')
  return keep(join(checkout, 'bench/results'), {
    bench: `soak-seed-${seed}`,
    what: `${results.length} of ${kills} kills, seed ${seed}: ${broken === null ? 'both oracles held' : 'BROKEN'}`,
    date: new Date().toISOString(),
    quick: false,
    machine,
    rows: targets.flatMap(target => [
      { what: `${target} killed: whole after`, unit: 's', values: of(target).map(one => one.wholeAfterMs / 1000) },
      { what: `${target} killed: requests lost`, unit: 'failed', values: of(target).map(failed) },
    ]),
    bars: [],
    notes: [
      ...(broken === null ? [] : [broken]),
      'kill, stage, row, target, end, git, requests, failed, whole after:',
      ...stories,
    ],
  })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

process.exitCode = await main()
