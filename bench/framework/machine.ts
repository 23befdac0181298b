import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { must } from '../../test/rig/program.ts'

/** Where and of what the numbers come: without it they say nothing. */
export async function machineFacts(checkout: string): Promise<Record<string, string>> {
  const cpus = os.cpus()
  const release = await readFile('/etc/os-release', 'utf8')
  const dirty = (await must(['git', '-C', checkout, 'status', '--porcelain', '--', 'src', 'images'])).trim() !== ''
  const commit = (await must(['git', '-C', checkout, 'rev-parse', '--short=12', 'HEAD'])).trim()
  return {
    cores: `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: `${/PRETTY_NAME="(.*)"/.exec(release)?.[1] ?? 'unknown'}, Linux ${os.release()}`,
    node: process.version,
    commit: commit + (dirty ? ' with uncommitted changes' : ''),
    'load at the start': loadAverage(),
  }
}

/** Over the last minute. More than the number of cores: neighbours work here too, and only ratios count. */
export function loadAverage(): string {
  return os.loadavg()[0]!.toFixed(2)
}
