import { watch, type Stats } from 'node:fs'
import { chmod, chown, link, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Wakeup } from '../lib/async/wakeup.ts'
import { ifMissing } from '../lib/files.ts'
import type { KeeperOptions } from './keeper.ts'

const name = 'registry.sock'

/**
 * The registry makes its socket in a folder of its own, for it sees no other (src/install/platform/privileges.ts); everybody else
 * knows it by its name in the folder of all sockets, where the keeper shows it. HAProxy forwards the registry's listener as an
 * unprivileged user, so the socket is given to its group each time the registry makes it again. Others still cannot reach
 * it, and HAProxy lets only reading pass.
 */
export async function shareRegistrySocket(options: KeeperOptions, signal: AbortSignal): Promise<void> {
  const { config, clock, log } = options
  const { user } = config.edge
  if (config.edge.registryPort === null) return
  const group = user === null ? null : await groupId(user)
  const folder = join(config.runDir, 'registry')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const wakeup = new Wakeup(clock)
  for (const watched of [config.runDir, folder])
    watch(watched, { signal }, (_event, changed) => {
      if (changed === name) wakeup.wake()
    }).on('error', error => log(`keeper: cannot watch ${watched}: ${error.message}`))
  while (!signal.aborted) {
    for (const path of [join(folder, name), join(config.runDir, name)]) await giveTo(group, path)
    await showNewest(join(folder, name), join(config.runDir, name))
    await wakeup.wait(60_000, signal)
  }
}

/**
 * Shows `own` under the name `shown`, unless a registry that knows no folder of its own has made its socket there since: one
 * from before there was such a folder, which an upgrade begins with and a way back ends with. It removes what it finds
 * there when it is a socket, dead or alive, and fails at a link that leads nowhere: hence a second name of the same
 * socket and no symbolic link.
 */
export async function showNewest(own: string, shown: string): Promise<void> {
  const [made, there] = [await statIfThere(own), await statIfThere(shown)]
  if (!made?.isSocket() || (there !== null && !isOlder(there, made))) return
  const beside = `${shown}.next`
  await rm(beside, { force: true })
  await link(own, beside)
  await rename(beside, shown)
}

/** By when they were made: nothing writes into a socket's file. */
function isOlder(one: Stats, other: Stats): boolean {
  return one.ino !== other.ino && one.mtimeMs <= other.mtimeMs
}

async function giveTo(group: number | null, path: string): Promise<void> {
  const found = await statIfThere(path)
  if (group === null || found === null || found.gid === group) return
  await chown(path, found.uid, group)
  await chmod(path, 0o660)
}

async function statIfThere(path: string): Promise<Stats | null> {
  return stat(path).catch(ifMissing(null))
}

async function groupId(user: string): Promise<number> {
  const line = (await readFile('/etc/group', 'utf8')).split('\n').find(one => one.startsWith(`${user}:`))
  if (!line) throw new Error(`there is no group ${user} here`)
  return Number(line.split(':')[2])
}
