import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { runApt } from './apt.ts'
import { environment } from '../config.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import { paths } from '../paths.ts'

/**
 * What must be there before the firewall can be loaded; the engine comes after it. On a kernel with AppArmor engine 20.10
 * starts no container without AppArmor's parser, which Debian's engine only recommends.
 */
export function groundPackages(kernel: { readonly hasAppArmor: boolean }): readonly string[] {
  const tools = ['ca-certificates', 'iproute2', 'mmdebstrap', 'nftables', 'openssl']
  return kernel.hasAppArmor ? ['apparmor', ...tools] : tools
}

/** Debian 12's `docker.io` carries the client; since Debian 13 it is a package of its own. */
export function enginePackages(debian: number): string[] {
  return debian >= 13 ? ['docker.io', 'docker-cli'] : ['docker.io']
}

/** Debian's release number from /etc/os-release; null on anything else. */
export function debianRelease(osRelease: string): number | null {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1]
  const release = Number(field('VERSION_ID'))
  return field('ID') === 'debian' && release >= 12 ? release : null
}

/** Of these packages, those that dpkg does not hold installed. */
export async function missingPackages(names: readonly string[]): Promise<string[]> {
  const status = (await readIfThere('/var/lib/dpkg/status')) ?? ''
  const installed = installedPackages(status)
  return names.filter(name => !installed.has(name))
}

export function installedPackages(status: string): Set<string> {
  return packagesWhose(status, state => state === 'installed')
}

/** Those that a killed dpkg has left half-way. */
export function unfinishedPackages(status: string): Set<string> {
  return packagesWhose(status, state => !['installed', 'config-files', 'not-installed'].includes(state))
}

function packagesWhose(status: string, isSo: (state: string) => boolean): Set<string> {
  const names = status.split('\n\n').flatMap(paragraph => {
    const name = /^Package: (.+)$/m.exec(paragraph)?.[1]
    const state = /^Status: \S+ \S+ (\S+)$/m.exec(paragraph)?.[1]
    return name !== undefined && state !== undefined && isSo(state) ? [name] : []
  })
  return new Set(names)
}

/**
 * The engine's packages that are to be installed. None where the programs are there from elsewhere (docker-ce, a build of
 * one's own): Debian's packages would replace them, and all their containers would end.
 */
export async function missingEngine(debian: number): Promise<string[]> {
  const names = enginePackages(debian)
  const unfinished = unfinishedPackages((await readIfThere('/var/lib/dpkg/status')) ?? '')
  if ((await engineIsInstalled()) && !names.some(name => unfinished.has(name))) return []
  return missingPackages(names)
}

/** Both programs are in PATH, whatever package they came in. */
export async function engineIsInstalled(): Promise<boolean> {
  return (await Promise.all(['dockerd', 'docker'].map(isInPath))).every(Boolean)
}

async function isInPath(program: string): Promise<boolean> {
  const folders = (environment['PATH'] ?? '').split(':').filter(folder => folder !== '')
  const there = (folder: string) =>
    access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    )
  return (await Promise.all(folders.map(there))).includes(true)
}

/** Repairs a dpkg that was killed half-way, then fetches the package lists. */
export async function refreshPackages(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  await runApt('dpkg', ['--configure', '-a'], say, signal)
  await runApt('apt-get', ['update', '-q'], say, signal)
}

/**
 * What installing these would bring, dependencies included; recorded before it is done. Rejects `conflict` when a package
 * of this machine would have to go for it.
 */
export async function packagesToCome(names: readonly string[], signal: AbortSignal): Promise<string[]> {
  return onlyComing(names, await simulate(['install', '--no-install-recommends', ...names], signal))
}

export function onlyComing(names: readonly string[], simulation: string): string[] {
  const leaving = changes(simulation, 'Remv')
  if (leaving.length === 0) return changes(withoutUpgrades(simulation), 'Inst')
  throw new AppError('conflict', `to install ${names.join(' ')}, apt would remove packages of this machine`, {
    details: leaving,
    hint: 'Nothing was installed or removed. Remove them yourself if nothing needs them, then run "lading up" again.',
  })
}

/** `Inst libssl3 [3.0.15-1] (3.0.17-1 …)` replaces a version that was there before us; what comes has none in brackets. */
function withoutUpgrades(simulation: string): string {
  return simulation.replace(/^Inst \S+ \[.*\n?/gm, '')
}

/** Adds to the record of what was not there before us. */
export async function recordPackages(names: readonly string[]): Promise<void> {
  const all = new Set([...(await recordedPackages()), ...names])
  await writeWhole(paths.packages, [...all].sort().join('\n') + '\n')
}

export async function recordedPackages(): Promise<string[]> {
  return ((await readIfThere(paths.packages)) ?? '').split('\n').filter(name => name !== '')
}

/** Installs Debian packages without their recommendations; removes none. */
export async function installPackages(
  names: readonly string[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await runApt('apt-get', ['install', '-q', '-y', '--no-remove', '--no-install-recommends', ...names], say, signal)
}

/**
 * Removes packages with their configuration, save those that packages outside the list need by now. Returns what is
 * left.
 */
export async function purgePackages(
  names: readonly string[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const missing = new Set(await missingPackages(names))
  const present = names.filter(name => !missing.has(name))
  const removable = await removableOf(present, signal)
  if (removable.length > 0) await runApt('apt-get', ['purge', '-q', '-y', ...removable], say, signal)
  return present.filter(name => !removable.includes(name))
}

/** All of them, mostly; one by one only where removing all would take something else along. */
async function removableOf(names: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const takesNoneBut = async (some: readonly string[]) =>
    changes(await simulate(['remove', ...some], signal), 'Remv').every(each => names.includes(each))
  if (names.length === 0 || (await takesNoneBut(names))) return names
  const removable: string[] = []
  for (const name of names) if (await takesNoneBut([name])) removable.push(name)
  return removable
}

/** What apt would do; it changes nothing and takes no lock. */
function simulate(args: readonly string[], signal: AbortSignal): Promise<string> {
  return runApt('apt-get', ['-s', ...args], () => {}, signal)
}

/** `Inst docker.io (26.1…)`: the names that a simulated run would change. */
export function changes(simulation: string, verb: 'Inst' | 'Remv'): string[] {
  return simulation.split('\n').flatMap(line => {
    const [first, name] = line.split(' ')
    return first === verb && name !== undefined ? [name] : []
  })
}
