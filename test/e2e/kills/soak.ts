// `npm run soak -- --kills 200 --seed N [--hosts 4]`: many kills, the result kept in bench/results/ after each of them.
// `npm run soak -- --outages 20 --seed N`: the whole node instead (outages/soak.ts).
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { keep } from '../../../bench/framework/keep.ts'
import { loadAverage, machineFacts } from '../../../bench/framework/machine.ts'
import { Rig } from '../../rig/rig.ts'
import { installed, type Platform } from '../host.ts'
import { soakOutages } from '../outages/soak.ts'
import { evidence } from './evidence.ts'
import { atRest, noTraces } from './oracles.ts'
import { plan, type Moment } from './plan.ts'
import { Site, witnessed } from './site.ts'
import { table } from './table.ts'
import { trial, type TrialResult } from './trial.ts'

const checkout = join(import.meta.dirname, '../../..')

/** Exit code 0: every kill met one of the two oracles. The first that met neither ends it: what follows says nothing. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      hosts: { type: 'string', default: '1' },
      outages: { type: 'string' },
    },
  })
  const [kills, seed, hosts] = [Number(values.kills), Number(values.seed), Number(values.hosts)]
  if (![kills, seed, hosts].every(Number.isSafeInteger)) throw new Error('--kills, --seed and --hosts are numbers')
  if (values.outages !== undefined) return soakOutages(Number(values.outages), seed, say)
  const rig = new Rig({ name: 'soak', say })
  await rig.down()
  const machine = { ...(await machineFacts(checkout)), hosts: String(hosts) }
  try {
    // One after the other: two installations at once would fight for the cores, and the second finds the first's images.
    const platforms: Platform[] = []
    for (let number = 1; number <= hosts; number++) {
      const host = await rig.up({ name: hosts === 1 ? 'server' : `server${number}`, debian: 'trixie' })
      platforms.push(await installed(host, { fromCache: true, args: witnessed(host) }))
    }
    const soak: Soak = { seed, kills, results: [], broken: null, machine }
    // A kill is mostly waiting (for a lease, for warm seconds), so that hosts side by side share the machine well.
    const moments = plan(seed, kills)
    await Promise.all(platforms.map((platform, at) => soakHost(platform, at, moments.filter(every(hosts, at)), soak)))
    say(`kept: ${await keepResult(soak)}`)
    return soak.broken === null ? 0 : 1
  } finally {
    await rig.down()
  }
}

/** Of all moments those of one host: dealt in turn. */
function every(hosts: number, at: number): (moment: Moment) => boolean {
  return ({ number }) => (number - 1) % hosts === at
}

async function soakHost(platform: Platform, at: number, moments: readonly Moment[], soak: Soak): Promise<void> {
  let now = 'before the first kill'
  try {
    using site = await Site.make(platform)
    for (const moment of moments) {
      if (soak.broken !== null) return
      now = `kill ${moment.number}: ${moment.target} while ${moment.stage}`
      const result = await trial(site, moment)
      soak.results.push(result)
      say(table([result]).split('\n').at(-1) ?? '')
      await keepResult(soak)
    }
    now = 'after the last kill'
    await noTraces(site)
    await atRest(site)
  } catch (error) {
    soak.broken ??= `host ${at + 1}, ${now}: ${error instanceof Error ? error.message : String(error)}`
    say(`${new Date().toISOString()} ${soak.broken}\n${await evidence(platform.host)}`)
  }
}

interface Soak {
  readonly seed: number
  readonly kills: number
  /** In the order in which they ended. */
  readonly results: TrialResult[]
  /** What held neither oracle; null: all did so far. */
  broken: string | null
  readonly machine: Readonly<Record<string, string>>
}

function keepResult({ seed, kills, broken, machine, ...soak }: Soak): Promise<string> {
  const results = soak.results.toSorted((one, other) => one.moment.number - other.moment.number)
  const targets = [...new Set(results.map(({ moment }) => moment.target))].sort()
  const of = (target: string) => results.filter(({ moment }) => moment.target === target)
  const failed = (result: TrialResult): number => Object.values(result.failedBy).reduce((sum, count) => sum + count, 0)
  const stories = results.map(result => table([result]).split('\n').at(-1) ?? '')
  return keep(join(checkout, 'bench/results'), {
    bench: `soak-seed-${seed}`,
    what: `${results.length} of ${kills} kills, seed ${seed}: ${broken === null ? 'both oracles held' : 'BROKEN'}`,
    date: new Date().toISOString(),
    quick: false,
    machine: { ...machine, 'load at the end': loadAverage() },
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
