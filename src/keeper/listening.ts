import { readFile } from 'node:fs/promises'

/** State `LISTEN` in /proc/net/tcp. */
const listen = '0A'

/** Sockets listened on in the network namespace of this process: `0.0.0.0:8080`, `127.0.0.1:3000`, `[::]:80`. */
export async function listeningSockets(pid: number): Promise<readonly string[]> {
  const [v4, v6] = await Promise.all([readTable(pid, 'tcp'), readTable(pid, 'tcp6')])
  return [...new Set([...parseSockets(v4), ...parseSockets(v6)])].toSorted()
}

/** The namespace goes with its last process: then nothing listens. */
async function readTable(pid: number, name: string): Promise<string> {
  return readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')
}

export function parseSockets(table: string): readonly string[] {
  return table.split('\n').flatMap(line => {
    const [, local, , state] = line.trim().split(/\s+/)
    if (state !== listen || !local) return []
    const [address = '', port = ''] = local.split(':')
    // Docker's embedded DNS listens in every container on 127.0.0.11: not the app's.
    const text = address.length === 8 ? ipv4(address) : ipv6(address)
    return text === '127.0.0.11' ? [] : [`${text}:${Number.parseInt(port, 16)}`]
  })
}

/** The kernel prints words in the machine's byte order: little-endian on every platform we run on. */
function bytes(hex: string): readonly number[] {
  const words = hex.match(/.{8}/g) ?? []
  return words.flatMap(word => (word.match(/../g) ?? []).map(pair => Number.parseInt(pair, 16)).toReversed())
}

function ipv4(hex: string): string {
  return bytes(hex).join('.')
}

function ipv6(hex: string): string {
  const all = bytes(hex)
  if (all.every(byte => byte === 0)) return '[::]'
  if (all.slice(0, 10).every(byte => byte === 0) && all[10] === 255 && all[11] === 255) return all.slice(12).join('.')
  const groups = Array.from({ length: 8 }, (_, at) => ((all[2 * at] ?? 0) * 256 + (all[2 * at + 1] ?? 0)).toString(16))
  return `[${groups
    .join(':')
    .replace(/\b(?:0(?::|$)){2,}/, ':')
    .replace(/^:(?!:)/, '::')}]`
}
