import { readFile, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { AppError } from '../../core/errors.ts'
import { parseNodeName, type NodeName } from '../../core/names.ts'
import { readIfThere } from '../../lib/files.ts'
import { debianRelease } from './packages.ts'
import { checkout } from '../paths.ts'

export interface Machine {
  readonly debian: number
  readonly node: NodeName
  readonly hasSystemd: boolean
  /** Its kernel confines programs by AppArmor. */
  readonly hasAppArmor: boolean
}

/** What this machine is, for a command of root's (`up --check`); rejects `not-allowed` or `invalid-input` where Lading cannot run on it. */
export async function readMachine(command: string): Promise<Machine> {
  if (process.getuid?.() !== 0) {
    throw new AppError('not-allowed', `"lading ${command}" needs root`, { hint: `sudo ${checkout}/lading ${command}` })
  }
  const osRelease = await readFile('/etc/os-release', 'utf8')
  const debian = debianRelease(osRelease)
  if (debian === null) {
    const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? 'something else'
    throw new AppError('invalid-input', `Lading installs on Debian 12 and 13; this is ${name}`, {
      hint: 'Nothing was changed. It has not been seen to work elsewhere: other systems have other engines, keys and package names.',
    })
  }
  const init = (await readFile('/proc/1/comm', 'utf8')).trim()
  const appArmor = await readIfThere('/sys/module/apparmor/parameters/enabled')
  // A container's kernel is its host's; engines judge by this folder too, which the host does not show to it.
  const profiles = await stat('/sys/kernel/security/apparmor').catch(() => null)
  return {
    debian,
    node: parseNodeName(hostname().toLowerCase()),
    hasSystemd: init === 'systemd',
    hasAppArmor: appArmor?.trim() === 'Y' && profiles !== null,
  }
}
