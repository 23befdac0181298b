import { access, readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { readIfThere } from '../../lib/files.ts'

/** Layers of images, and the network between processes of one app (VXLAN) with the firewall around it. */
const features = ['overlay', 'bridge', 'veth', 'vxlan', 'nf_tables'] as const

/** Caps on memory, cores and processes. */
const controllers = ['memory', 'cpu', 'pids'] as const

/** What this kernel can neither do nor load. A kernel without a list of modules is not judged: no one can tell. */
export async function missingKernelFeatures(): Promise<string[]> {
  const folder = `/lib/modules/${release()}`
  const lists = await Promise.all(['modules.builtin', 'modules.dep'].map(name => readIfThere(`${folder}/${name}`)))
  if (lists.every(list => list === null)) return []
  const modules = moduleNames(lists.join('\n'))
  const missing: string[] = []
  for (const name of features) if (!modules.has(name) && !(await isLoaded(name))) missing.push(name)
  return missing
}

/** The names in `modules.builtin` and `modules.dep`: `kernel/drivers/net/vxlan/vxlan.ko.xz: …` is `vxlan`. */
export function moduleNames(lists: string): ReadonlySet<string> {
  const names = [...lists.matchAll(/^(?:[^\s:]*\/)?([^\s/:]+)\.ko(?:\.[a-z]+)?(?=:|$)/gm)]
  return new Set(names.map(match => match[1]!.replaceAll('-', '_')))
}

async function isLoaded(name: string): Promise<boolean> {
  return access(`/sys/module/${name}`).then(
    () => true,
    () => false,
  )
}

/** Which of the caps the kernel was started without; Raspberry Pi's has no memory controller until it is told to. */
export async function missingControllers(): Promise<string[]> {
  const v2 = await readIfThere('/sys/fs/cgroup/cgroup.controllers')
  if (v2 !== null) return controllers.filter(name => !v2.split(/\s+/).includes(name))
  const enabled = enabledControllers(await readFile('/proc/cgroups', 'utf8'))
  return controllers.filter(name => !enabled.has(name))
}

/** From the text of /proc/cgroups. */
export function enabledControllers(table: string): ReadonlySet<string> {
  const rows = table.split('\n').map(line => line.split(/\s+/))
  return new Set(rows.filter(row => row[3] === '1').map(row => row[0]!))
}
