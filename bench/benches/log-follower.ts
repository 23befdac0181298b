import { eventually } from '../../test/rig/eventually.ts'
import type { Host } from '../../test/rig/host.ts'
import type { Bench, BenchContext } from '../bench.ts'
import type { BenchResult } from '../framework/result.ts'

const linesPerSecond = 5_000

/** Writes so many lines a second for so many seconds, as a process of a release does: by the engine's log. */
const writer = `
const rate = Number(process.argv[1]), all = rate * Number(process.argv[2]), begin = performance.now()
let line = 0
const timer = setInterval(() => {
  let text = ''
  for (const due = Math.min(all, Math.floor(((performance.now() - begin) / 1000) * rate)); line < due; line++)
    text += 'line ' + line + ' ' + 'x'.repeat(80) + '\\n'
  process.stdout.write(text)
  if (line === all) clearInterval(timer)
}, 20)`

/** U13: what keeping the lines of processes costs. Ticks of CPU over all lines, so that a busy machine does not matter. */
export const logFollower: Bench = {
  name: 'log-follower',
  what: "the log follower's CPU at 5,000 lines a second, and the engine's beside it",

  async run(context: BenchContext): Promise<BenchResult> {
    const { host } = await context.site()
    const seconds = context.quick ? 5 : 20
    const follower: number[] = []
    const engine: number[] = []
    const wrong: number[] = []
    for (let round = 1; round <= (context.quick ? 1 : 5); round++) {
      context.signal.throwIfAborted()
      const one = await measure(host, `bench${round}`, seconds)
      follower.push(one.follower)
      engine.push(one.engine)
      wrong.push(one.wrong)
    }
    return {
      rows: [
        { what: 'log follower, of a core', unit: '%', values: follower },
        { what: 'engine, of a core, for comparison', unit: '%', values: engine },
        { what: 'lines lost or doubled', unit: 'lines', values: wrong },
      ],
      bars: [],
      notes: [`Lines of about 90 bytes, ${seconds} s a round, from one container.`],
    }
  },
}

async function measure(host: Host, type: string, seconds: number) {
  const lines = linesPerSecond * seconds
  const name = `lading-bench-${type}`
  const pid = await host.run(['pgrep', '-f', '^node .*/follower.js'])
  const enginePid = await host.run(['pidof', 'dockerd'])
  const before = { follower: await ticks(host, pid), engine: await ticks(host, enginePid) }
  const labels = { app: 'bench', environment: 'production', role: 'one-off', type, release: '1' }
  const flags = Object.entries(labels).flatMap(([key, value]) => ['--label', `lading.${key}=${value}`])
  const log = ['--log-driver', 'json-file', '--log-opt', 'max-size=10m', '--log-opt', 'max-file=3']
  const program = ['node', '-e', writer, String(linesPerSecond), String(seconds)]
  const run = ['docker', 'run', '--detach', '--name', name, '--network', 'none']
  await host.run([...run, ...flags, ...log, await nodeImage(host), ...program])
  try {
    await host.run(['docker', 'wait', name])
    await eventually('the last line is kept', async () => (await counted(host, type)).has(lines - 1))
    const counts = await counted(host, type)
    let wrong = 0
    for (let line = 0; line < lines; line++) if (counts.get(line) !== 1) wrong++
    const percent = (spent: number) => (spent / 100 / lines) * linesPerSecond * 100
    return {
      follower: percent((await ticks(host, pid)) - before.follower),
      engine: percent((await ticks(host, enginePid)) - before.engine),
      wrong,
    }
  } finally {
    await host.run(['docker', 'rm', '--force', name])
  }
}

/** How often each numbered line is kept. */
async function counted(host: Host, type: string): Promise<ReadonlyMap<number, number>> {
  const text = await host.run(['grep', '-rhoP', `\\t${type}\\.1\\t.*\\tline \\K\\d+`, '/var/lib/lading/logs/bench'])
  const counts = new Map<number, number>()
  for (const number of text.split('\n').map(Number)) counts.set(number, (counts.get(number) ?? 0) + 1)
  return counts
}

async function nodeImage(host: Host): Promise<string> {
  const text = await host.run(['cat', '/etc/lading/install.json'])
  return (JSON.parse(text) as { images: Record<string, { id: string }> }).images['node']!.id
}

/** CPU time of a process in hundredths of a second: fields 14 and 15 of /proc/<pid>/stat. */
async function ticks(host: Host, pid: string): Promise<number> {
  const text = await host.run(['cat', `/proc/${pid}/stat`])
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
