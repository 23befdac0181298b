import { readdir, readFile, readlink } from 'node:fs/promises'
import { readIfThere } from './files.ts'

export interface Listener {
  readonly port: number
  readonly inode: string
}

export interface PortHolder {
  readonly port: number
  /** `nginx (pid 812)`; `a program this kernel does not show` when its files cannot be read. */
  readonly program: string
  /** Control group of the process: names the container it runs in. */
  readonly controlGroup: string
}

/** Sockets in state LISTEN from the text of /proc/net/tcp or tcp6. */
export function parseListeners(table: string): Listener[] {
  return table.split('\n').flatMap(line => {
    const fields = line.trim().split(/\s+/)
    const port = fields[1]?.split(':')[1]
    return fields[3] === '0A' && port !== undefined ? [{ port: parseInt(port, 16), inode: fields[9] ?? '' }] : []
  })
}

/** Who listens on these TCP ports, on any address. Needs root to see other people's processes. */
export async function findPortHolders(ports: readonly number[]): Promise<PortHolder[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map(async path => (await readIfThere(path)) ?? ''),
  )
  const listeners = tables.flatMap(parseListeners).filter(listener => ports.includes(listener.port))
  const wanted = new Map(listeners.map(listener => [`socket:[${listener.inode}]`, listener.port]))
  if (wanted.size === 0) return []
  const holders: PortHolder[] = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    for (const link of await openFiles(pid)) {
      const port = wanted.get(link)
      if (port === undefined) continue
      wanted.delete(link)
      const name = ((await readIfThere(`/proc/${pid}/comm`)) ?? '?').trim()
      const controlGroup = (await readIfThere(`/proc/${pid}/cgroup`)) ?? ''
      holders.push({ port, program: `${name} (pid ${pid})`, controlGroup })
    }
  }
  const unseen = [...wanted.values()].map(port => ({
    port,
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
