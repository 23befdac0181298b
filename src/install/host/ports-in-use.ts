import { readdir, readFile, readlink } from 'node:fs/promises'
import { readIfThere } from '../../lib/files.ts'

type Protocol = 'tcp' | 'udp'

export interface Listener {
  readonly port: number
  readonly protocol: Protocol
  readonly inode: string
}

export interface PortHolder {
  readonly port: number
  readonly protocol: Protocol
  /** `nginx (pid 812)`; `a program this kernel does not show` when its files cannot be read. */
  readonly program: string
  /** Control group of the process: names the container it runs in. */
  readonly controlGroup: string
}

/** Sockets that others can send to, from the text of /proc/net/tcp, tcp6 (state LISTEN), udp or udp6 (no peer). */
export function parseListeners(table: string, protocol: Protocol): Listener[] {
  return table.split('\n').flatMap(line => {
    const fields = line.trim().split(/\s+/)
    const port = fields[1]?.split(':')[1]
    const waits = protocol === 'tcp' ? '0A' : '07'
    return fields[3] === waits && port !== undefined
      ? [{ port: parseInt(port, 16), protocol, inode: fields[9] ?? '' }]
      : []
  })
}

/** Who listens on these ports, on any address. Needs root to see other people's processes. */
export async function findPortHolders(ports: Readonly<Record<Protocol, readonly number[]>>): Promise<PortHolder[]> {
  const listeners = (
    await Promise.all(
      (['tcp', 'tcp6', 'udp', 'udp6'] as const).map(async name => {
        const protocol = name.startsWith('tcp') ? 'tcp' : 'udp'
        return parseListeners((await readIfThere(`/proc/net/${name}`)) ?? '', protocol)
      }),
    )
  ).flat()
  const ofThese = listeners.filter(({ protocol, port }) => ports[protocol].includes(port))
  const wanted = new Map(ofThese.map(listener => [`socket:[${listener.inode}]`, listener]))
  if (wanted.size === 0) return []
  const holders: PortHolder[] = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    for (const link of await openFiles(pid)) {
      const listener = wanted.get(link)
      if (listener === undefined) continue
      wanted.delete(link)
      const name = ((await readIfThere(`/proc/${pid}/comm`)) ?? '?').trim()
      const controlGroup = (await readIfThere(`/proc/${pid}/cgroup`)) ?? ''
      holders.push({ ...listener, program: `${name} (pid ${pid})`, controlGroup })
    }
  }
  const unseen = [...wanted.values()].map(listener => ({
    ...listener,
    program: 'a program this kernel does not show',
    controlGroup: '',
  }))
  return [...holders, ...unseen].sort((a, b) => a.port - b.port)
}

/** A process may end while it is looked at: then it holds nothing. */
async function openFiles(pid: string): Promise<string[]> {
  try {
    const names = await readdir(`/proc/${pid}/fd`)
    return await Promise.all(names.map(name => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
  } catch {
    return []
  }
}

/** Total memory in bytes, from the text of /proc/meminfo. */
export async function totalMemory(): Promise<number> {
  const kilobytes = /^MemTotal:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1]
  return Number(kilobytes ?? 0) * 1024
}
