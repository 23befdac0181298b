import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Host } from '../../rig/host.ts'
import { edgeState } from './socket.ts'

/** What to read when a kill broke a law, before the host is taken down: who runs, what the edge holds, last words. */
export async function evidence(host: Host): Promise<string> {
  const listed = await tried(() => host.run(['docker', 'ps', '--all', '--format', '{{.Names}}\t{{.Status}}']))
  const ours = listed.split('\n').flatMap(line => /^lading-(?:keeper|control)\S*/.exec(line) ?? [])
  const parts: (readonly [string, () => Promise<string>])[] = [
    ['containers', async () => listed],
    ['edge', async () => JSON.stringify(await edgeState(host))],
    ['HAProxy', () => takenSlots(host)],
    ...ours.map(name => [`log of ${name}`, () => lastLines(host, name)] as const),
  ]
  const sections = await Promise.all(parts.map(async ([name, part]) => `== ${name}\n${await tried(part)}`))
  return sections.join('\n')
}

async function lastLines(host: Host, name: string): Promise<string> {
  const { stdout, stderr } = await host.exec(['docker', 'logs', '--timestamps', '--tail', '80', name])
  return stdout + stderr
}

/** Servers of every HAProxy that hold an address, as `show servers state` has them. */
async function takenSlots(host: Host): Promise<string> {
  const folder = await host.path('/run/lading/edge')
  const sockets = (await readdir(folder)).filter(name => name.startsWith('runtime-'))
  const states = await Promise.all(sockets.map(async name => `${name}:\n${await ask(`${folder}/${name}`)}`))
  return states.join('\n').replace(/^.* 127\.0\.0\.1 .*\n/gm, '')
}

function ask(path: string): Promise<string> {
  const socket = connect(path)
  socket.end('show servers state\n')
  return text(socket)
}

async function tried(part: () => Promise<string>): Promise<string> {
  try {
    return await part()
  } catch (error) {
    return `not to be had: ${String(error)}`
  }
}
