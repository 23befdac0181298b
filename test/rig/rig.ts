import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Host, removeDisk, type HostFacts } from './host.ts'
import { makeNetwork, removeNetwork, type Network } from './network.ts'
import { base, installTools, type Debian, type Variant } from './rootfs.ts'

/** Several hosts on one machine: real engines, real networks (docs/design/rig.md). */
const STATE = '/var/lib/lading-rig'
export const DEFAULT_RIG = 'lading'

export interface RigOptions {
  /** Lower-case letters and digits, 8 at most: two rigs with different names do not meet. Default `lading`. */
  readonly name?: string
  /** First three numbers; default 10.77.0 for `lading`, otherwise 10.77.<1–250>, by the name. */
  readonly subnet?: string
  /** What hosts see at /opt/lading; default: this checkout. */
  readonly checkout?: string
  readonly say?: (line: string) => void
}

export interface HostOptions {
  /** A host name; it also is the node's name in a swarm. */
  readonly name: string
  readonly debian?: Debian
  readonly variant?: Variant
  readonly names?: boolean
  readonly diskBytes?: number
  readonly diskInodes?: number
}

interface RigFacts {
  /** The process that made the rig: its id and its start, as the kernel counts it. */
  readonly maker: string
  readonly network: Network
  readonly forwardingWasOff: boolean
}

export class Rig {
  readonly name: string
  readonly #options: RigOptions
  readonly #folder: string
  readonly #say: (line: string) => void

  constructor(options: RigOptions = {}) {
    this.name = options.name ?? DEFAULT_RIG
    if (!/^[a-z][a-z0-9]{0,7}$/.test(this.name)) throw new Error(`not a rig's name: ${this.name}`)
    this.#options = options
    this.#folder = join(STATE, this.name)
    this.#say = options.say ?? (() => undefined)
  }

  /** Makes and boots a host; one of that name that exists is booted if it is off, and given back as it is. */
  async up(options: HostOptions): Promise<Host> {
    if (!/^[a-z][a-z0-9-]{0,19}$/.test(options.name)) throw new Error(`not a host's name: ${options.name}`)
    await installTools(this.#say)
    const { network } = await this.#ensure()
    const known = await this.#facts(options.name)
    const facts = known ?? (await this.#newHost(options, network))
    const host = new Host(this.#hostFolder(facts.name), facts, network)
    await host.boot()
    return host
  }

  async host(name: string): Promise<Host> {
    const facts = await this.#facts(name)
    if (!facts) throw new Error(`rig ${this.name} has no host ${name}; npm run rig ps shows those it has`)
    return new Host(this.#hostFolder(name), facts, (await this.#ensure()).network)
  }

  async hosts(): Promise<readonly Host[]> {
    return Promise.all((await this.#names()).map(name => this.host(name)))
  }

  /** Everything of this rig goes: processes, disks, cables, rules. No error when there is none. */
  async down(): Promise<void> {
    const rig = await this.#rigFacts()
    if (!rig) return
    for (const name of await this.#names()) {
      // Who was killed while he took a host down has left a folder without facts: its power was off before.
      if (await this.#facts(name)) await (await this.host(name)).destroy()
      else await removeDisk(this.#hostFolder(name))
    }
    const isLast = !(rig.forwardingWasOff && (await this.#leaveForwardingToAnother()))
    await removeNetwork(rig.network, rig.forwardingWasOff && isLast)
    await rm(this.#folder, { recursive: true, force: true })
    await removeIfEmpty(STATE)
  }

  async #newHost(options: HostOptions, network: Network): Promise<HostFacts> {
    const debian = options.debian ?? 'trixie'
    const variant = options.variant ?? 'engine'
    const made = await base(debian, variant, this.#say)
    const folder = this.#hostFolder(options.name)
    const number = await this.#freeNumber(network)
    const facts: HostFacts = {
      name: options.name,
      debian,
      variant,
      base: made,
      cable: {
        link: `v${this.name}${number}`,
        namespace: `${this.name}-${options.name}`,
        address: `${network.subnet}.${number}`,
      },
      names: options.names ?? true,
      diskBytes: options.diskBytes ?? null,
      ...(options.diskInodes === undefined ? {} : { diskInodes: options.diskInodes }),
      checkout: resolve(this.#options.checkout ?? join(import.meta.dirname, '../..')),
      cgroup: `lading-rig/${this.name}/${options.name}`,
    }
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'host.json'), JSON.stringify(facts, null, 2))
    return facts
  }

  /** Hosts have the addresses from .11 on, in the order of their making. */
  async #freeNumber(network: Network): Promise<number> {
    const taken = (await this.hosts()).map(host => host.address)
    for (let number = 11; number < 255; number++) if (!taken.includes(`${network.subnet}.${number}`)) return number
    throw new Error(`no address is left in ${network.subnet}.0/24`)
  }

  async #ensure(): Promise<RigFacts> {
    const known = await this.#rigFacts()
    const network = known?.network ?? {
      bridge: `br${this.name}`,
      subnet: this.#options.subnet ?? (await this.#subnet()),
    }
    const { forwardingWasOff } = await makeNetwork(network)
    const facts = known ?? { maker: (await life(process.pid)) ?? '', network, forwardingWasOff }
    if (!known) {
      await mkdir(this.#folder, { recursive: true })
      await writeFile(join(this.#folder, 'rig.json'), JSON.stringify(facts, null, 2))
    }
    return facts
  }

  /** Of two names that come to the same number the later takes the next one that is free. */
  async #subnet(): Promise<string> {
    const taken = (await this.#others()).map(([, { network }]) => network.subnet)
    let subnet = subnetOf(this.name)
    while (taken.includes(subnet)) subnet = `10.77.${(Number(subnet.split('.')[2]) % 250) + 1}`
    return subnet
  }

  /** Other rigs still need the machine to forward: the last one of them switches it off. False: there is none. */
  async #leaveForwardingToAnother(): Promise<boolean> {
    const [other] = await this.#others()
    if (other === undefined) return false
    const [file, facts] = other
    await writeFile(file, JSON.stringify({ ...facts, forwardingWasOff: true }, null, 2))
    return true
  }

  async #others(): Promise<readonly (readonly [string, RigFacts])[]> {
    const others: [string, RigFacts][] = []
    for (const name of await folders(STATE)) {
      const file = join(STATE, name, 'rig.json')
      const facts = name === this.name ? null : await readJson<RigFacts>(file)
      if (facts) others.push([file, facts])
    }
    return others
  }

  async #rigFacts(): Promise<RigFacts | null> {
    return readJson(join(this.#folder, 'rig.json'))
  }

  async #facts(name: string): Promise<HostFacts | null> {
    return readJson(join(this.#hostFolder(name), 'host.json'))
  }

  #hostFolder(name: string): string {
    return join(this.#folder, 'hosts', name)
  }

  async #names(): Promise<readonly string[]> {
    return folders(join(this.#folder, 'hosts'))
  }
}

/** Names of the rigs whose names start with `prefix` and whose makers are gone: a killed test leaves its rig. */
export async function orphans(prefix: string): Promise<readonly string[]> {
  const names: string[] = []
  for (const name of await folders(STATE)) {
    const rig = name.startsWith(prefix) ? await readJson<RigFacts>(join(STATE, name, 'rig.json')) : null
    if (rig && (await life(Number(rig.maker.split(' ')[0]))) !== rig.maker) names.push(name)
  }
  return names
}

/** Names a process beyond the reuse of its id; null when there is none. */
async function life(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // Field 22, counted after the program's name, which may hold spaces and brackets.
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function folders(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function subnetOf(name: string): string {
  if (name === DEFAULT_RIG) return '10.77.0'
  return `10.77.${1 + (createHash('sha256').update(name).digest().readUInt16BE(0) % 250)}`
}

async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
