import { watch } from 'node:fs'
import { chmod, chown, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Wakeup } from '../lib/async/wakeup.ts'
import type { KeeperOptions } from './keeper.ts'

/**
 * HAProxy forwards the registry's door as an unprivileged user, so the registry's socket is given to its group each time
 * the registry makes it anew. Others still cannot reach it, and HAProxy lets only reading pass.
 */
export async function shareRegistrySocket(options: KeeperOptions, signal: AbortSignal): Promise<void> {
  const { config, clock, log } = options
  const { user } = config.edge
  if (user === null || config.edge.registryPort === null) return
  const group = await groupId(user)
  const path = join(config.runDir, 'registry.sock')
  const wakeup = new Wakeup(clock)
  const watcher = watch(config.runDir, { signal }, (_event, name) => {
    if (name === 'registry.sock') wakeup.wake()
  })
  watcher.on('error', error => log(`keeper: cannot watch ${config.runDir}: ${error.message}`))
  while (!signal.aborted) {
    const found = await stat(path).catch(() => null)
    if (found && found.gid !== group) {
      await chown(path, found.uid, group)
      await chmod(path, 0o660)
    }
    await wakeup.wait(60_000, signal)
  }
}

async function groupId(name: string): Promise<number> {
  const line = (await readFile('/etc/group', 'utf8')).split('\n').find(one => one.startsWith(`${name}:`))
  if (!line) throw new Error(`there is no group ${name} here`)
  return Number(line.split(':')[2])
}
