import { readFile, writeFile } from 'node:fs/promises'
import { must, outcome } from './program.ts'

const FORWARDING = '/proc/sys/net/ipv4/ip_forward'

/** The switch that the hosts of one rig hang on: a bridge of the machine, with a way out by masquerading. */
export interface Network {
  /** At most 12 characters: interface names end at 15. */
  readonly bridge: string
  /** The first three numbers: `10.77.0`. The machine itself is `.1`. */
  readonly subnet: string
}

/** One host's cable: its end on the bridge, and the network namespace that holds the other end, `e0`. */
export interface Cable {
  readonly link: string
  readonly namespace: string
  readonly address: string
}

/** The FORWARD policy may be DROP (an engine on the machine sets it), and bridged packets pass there too. */
function rules(network: Network): readonly { table: string; rule: readonly string[] }[] {
  const range = `${network.subnet}.0/24`
  const comment = ['-m', 'comment', '--comment', `rig ${network.bridge}`]
  return [
    { table: 'filter', rule: ['FORWARD', '-i', network.bridge, ...comment, '-j', 'ACCEPT'] },
    { table: 'filter', rule: ['FORWARD', '-o', network.bridge, ...comment, '-j', 'ACCEPT'] },
    { table: 'nat', rule: ['POSTROUTING', '-s', range, '!', '-d', range, ...comment, '-j', 'MASQUERADE'] },
  ]
}

/** Gives whether forwarding was off before, so that taking the rig down can leave the machine as it was. */
export async function makeNetwork(network: Network): Promise<{ forwardingWasOff: boolean }> {
  const forwardingWasOff = (await readFile(FORWARDING, 'utf8')).trim() === '0'
  if (forwardingWasOff) await writeFile(FORWARDING, '1')
  if (!(await linkExists(network.bridge))) {
    await refuseTakenSubnet(network)
    await must(['ip', 'link', 'add', network.bridge, 'type', 'bridge'])
  }
  await must(['ip', 'addr', 'replace', `${network.subnet}.1/24`, 'dev', network.bridge])
  await must(['ip', 'link', 'set', network.bridge, 'up'])
  for (const { table, rule } of rules(network))
    if ((await outcome(['iptables', '-w', '-t', table, '-C', ...rule])).code !== 0)
      await must(['iptables', '-w', '-t', table, '-I', ...rule])
  return { forwardingWasOff }
}

async function refuseTakenSubnet(network: Network): Promise<void> {
  const taken = await must(['ip', '-o', '-4', 'addr', 'show', 'to', `${network.subnet}.0/24`])
  if (taken.trim() !== '') throw new Error(`${network.subnet}.0/24 is in use here, choose another --subnet:\n${taken}`)
}

export async function removeNetwork(network: Network, forwardingWasOff: boolean): Promise<void> {
  for (const { table, rule } of rules(network))
    if ((await outcome(['iptables', '-w', '-t', table, '-C', ...rule])).code === 0)
      await must(['iptables', '-w', '-t', table, '-D', ...rule])
  if (await linkExists(network.bridge)) await must(['ip', 'link', 'del', network.bridge])
  if (forwardingWasOff) await writeFile(FORWARDING, '0')
}

/** A fresh namespace each time: a machine that lost power has no firewall rules and no bridges left either. */
export async function plugIn(network: Network, cable: Cable): Promise<void> {
  const inside = ['ip', '-n', cable.namespace]
  await must(['ip', 'netns', 'add', cable.namespace])
  await must(['ip', 'link', 'add', cable.link, 'type', 'veth', 'peer', 'name', 'e0', 'netns', cable.namespace])
  await must(['ip', 'link', 'set', cable.link, 'master', network.bridge, 'up'])
  await must([...inside, 'addr', 'add', `${cable.address}/24`, 'dev', 'e0'])
  await must([...inside, 'link', 'set', 'lo', 'up'])
  await must([...inside, 'link', 'set', 'e0', 'up'])
  await must([...inside, 'route', 'add', 'default', 'via', `${network.subnet}.1`])
}

/** No error when it is not plugged in. */
export async function unplug(cable: Cable): Promise<void> {
  if (await linkExists(cable.link)) await must(['ip', 'link', 'del', cable.link])
  const names = (await must(['ip', 'netns', 'list'])).split('\n').map(line => line.split(' ')[0])
  if (names.includes(cable.namespace)) await must(['ip', 'netns', 'del', cable.namespace])
}

export async function setCable(cable: Cable, state: 'up' | 'down'): Promise<void> {
  await must(['ip', 'link', 'set', cable.link, state])
}

/** A bad line, both ways. `delayMs` and `lossPercent` need the kernel's netem, `kilobits` (per second) does not. */
export interface Line {
  readonly kilobits?: number
  readonly delayMs?: number
  readonly lossPercent?: number
}

/** Null: as fast as the machine allows. */
export async function setLine(cable: Cable, line: Line | null): Promise<void> {
  const ends = [
    { tc: ['tc', 'qdisc'], device: cable.link },
    { tc: ['tc', '-n', cable.namespace, 'qdisc'], device: 'e0' },
  ]
  for (const { tc, device } of ends)
    if (line) await must([...tc, 'replace', 'dev', device, 'root', ...discipline(line)])
    else await must([...tc, 'replace', 'dev', device, 'root', 'noqueue'])
}

function discipline(line: Line): string[] {
  if (line.delayMs === undefined && line.lossPercent === undefined)
    return ['tbf', 'rate', `${line.kilobits ?? 1000}kbit`, 'burst', '32kbit', 'latency', '400ms']
  const netem = ['netem']
  if (line.delayMs !== undefined) netem.push('delay', `${line.delayMs}ms`)
  if (line.lossPercent !== undefined) netem.push('loss', `${line.lossPercent}%`)
  if (line.kilobits !== undefined) netem.push('rate', `${line.kilobits}kbit`)
  return netem
}

async function linkExists(name: string): Promise<boolean> {
  return (await outcome(['ip', 'link', 'show', 'dev', name])).code === 0
}
