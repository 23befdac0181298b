import { writeFile } from 'node:fs/promises'
import { missingPackages } from '../host/packages.ts'
import { removeInterface } from '../host/network.ts'
import { runProgram } from '../host/run-program.ts'

/**
 * What an engine leaves in the kernel when it ends for good: its bridge, its chains, and a policy of FORWARD. Only for
 * one that came with us and goes with us, stopped already; a rule that names neither its chains nor its bridges stays.
 */
export async function removeEngineNetwork(signal: AbortSignal): Promise<void> {
  for (const bridge of bridges) await removeInterface(bridge, signal)
  if ((await missingPackages(['iptables', 'nftables'])).length > 0) return
  for (const { family, save, restore } of families) {
    const left = withoutEngine(await runProgram(save, [], {}, signal))
    // Forwarding goes before what refused it.
    if (left.forwardingWasOff && family === 'ip') await writeFile('/proc/sys/net/ipv4/ip_forward', '0\n')
    if (left.rules !== '') await runProgram(restore, [], { input: left.rules }, signal)
    const tables = (await runProgram('nft', ['list', 'tables'], {}, signal)).split('\n')
    for (const table of left.empty)
      if (tables.includes(`table ${family} ${table}`))
        await runProgram('nft', ['delete', 'table', family, table], {}, signal)
  }
}

const bridges = ['docker0', 'docker_gwbridge']
const families = [
  { family: 'ip', save: 'iptables-save', restore: 'iptables-restore' },
  { family: 'ip6', save: 'ip6tables-save', restore: 'ip6tables-restore' },
] as const

export interface RulesLeft {
  /** For iptables-restore: the tables that were changed, without the engine's chains and rules; empty: none was. */
  readonly rules: string
  /** Tables with nothing in them by now. */
  readonly empty: readonly string[]
  /** The engine refuses what it does not know in FORWARD only where it was the one to turn forwarding on. */
  readonly forwardingWasOff: boolean
}

/** From what iptables-save prints. */
export function withoutEngine(saved: string): RulesLeft {
  const changed: string[] = []
  const empty: string[] = []
  let forwardingWasOff = false
  for (const [, name = '', body = ''] of saved.matchAll(/^\*(\S+)\n(.*?)^COMMIT$/gms)) {
    const lines = body.split('\n').filter(line => /^[:-]/.test(line))
    let kept = lines.filter(line => !isEngines(line))
    if (kept.length === lines.length) continue
    const refuses = kept.some(line => line.startsWith(':FORWARD DROP'))
    if (refuses && !kept.some(line => line.startsWith('-A FORWARD '))) {
      forwardingWasOff = true
      kept = kept.map(line => line.replace(/^:FORWARD DROP/, ':FORWARD ACCEPT'))
    }
    changed.push(`*${name}\n${kept.join('\n')}\nCOMMIT\n`)
    if (kept.every(line => /^:\S+ ACCEPT /.test(line))) empty.push(name)
  }
  return { rules: changed.join(''), empty, forwardingWasOff }
}

function isEngines(line: string): boolean {
  return /^(:|-A )DOCKER\b| -[jg] DOCKER\b| -[io] (docker0|docker_gwbridge|br-[0-9a-f]{12})( |$)/.test(line)
}
