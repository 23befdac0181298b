import { createHash } from 'node:crypto'
import { cp, lstat, mkdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { must, outcome } from './program.ts'

/** Outside the repository: a base takes half a minute to make and half a gigabyte to keep. */
export const CACHE = '/var/cache/lading-rig'

export type Debian = 'trixie' | 'bookworm'
/**
 * `bare`: what a fresh user's server has. `engine`: the same with what an install would add, so that tests are quick.
 * `vm`: `bare` with a kernel, systemd and ssh, for virtual machines.
 */
export type Variant = 'bare' | 'engine' | 'vm'

/** Raised when the recipe below changes in a way that the package list does not show. */
const RECIPE = 1

const bare = [
  'ca-certificates',
  'curl',
  'git',
  'iproute2',
  'iptables',
  'iputils-ping',
  'kmod',
  'procps',
  'perl-base',
  'nftables',
]
const virtual = [
  'dbus',
  'initramfs-tools',
  'libpam-systemd',
  'linux-image-cloud-amd64',
  'openssh-server',
  'systemd-sysv',
]
const engine: Record<Debian, readonly string[]> = {
  trixie: ['docker.io', 'docker-cli', 'mmdebstrap'],
  bookworm: ['docker.io', 'mmdebstrap'],
}
/** Debian package of each program that the rig itself needs on the machine. */
const tools: Readonly<Record<string, string>> = {
  mmdebstrap: 'mmdebstrap',
  ip: 'iproute2',
  tc: 'iproute2',
  iptables: 'iptables',
  nsenter: 'util-linux',
  git: 'git',
  perl: 'perl-base',
}
const BUNDLE = '/etc/ssl/certs/ca-certificates.crt'
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Installs what the rig needs on this machine and is not there. */
export async function installTools(say: (line: string) => void): Promise<void> {
  await installPrograms(tools, say)
}

/** Installs the Debian package of each program that this machine has not, with one `apt-get update` at most. */
export async function installPrograms(
  programs: Readonly<Record<string, string>>,
  say: (line: string) => void,
): Promise<void> {
  const missing = new Set<string>()
  for (const [program, debianPackage] of Object.entries(programs))
    if ((await outcome(['which', program])).code !== 0) missing.add(debianPackage)
  if ((await outcome(['test', '-e', KEYRING])).code !== 0) missing.add('debian-archive-keyring')
  if (missing.size === 0) return
  say(`installing ${[...missing].join(' ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await must(['apt-get', 'update', '-qq'], { env })
  await must(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing], { env })
}

/** The folder of this base, made when it is not in the cache. Two makers at once: the first to finish stays. */
export async function base(debian: Debian, variant: Variant, say: (line: string) => void): Promise<string> {
  const packages = [...bare, ...{ bare: [], engine: engine[debian], vm: virtual }[variant]]
  const machineNode = await machineProgram('node')
  const key = createHash('sha256')
    .update(JSON.stringify([RECIPE, packages, await must([machineNode, '--version'])]))
    .update(await readFile(BUNDLE))
    .digest('hex')
    .slice(0, 12)
  const folder = join(CACHE, `${debian}-${variant}-${key}`)
  if (await exists(folder)) return folder

  await installTools(say)
  await mkdir(CACHE, { recursive: true })
  say(`making the base "${debian} ${variant}" with mmdebstrap (once; kept in ${CACHE})`)
  const part = `${folder}.part-${process.pid}`
  try {
    await must(['mmdebstrap', '--quiet', '--variant=minbase', `--include=${packages.join(',')}`, debian, part])
    await addNode(part, machineNode)
    await addCertificates(part)
    if (variant === 'vm') await addBoot(part)
    await rename(part, folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return folder
}

/** Node as a user would have it: some version, with npm; the project's own comes from its lock file. */
async function addNode(root: string, machineNode: string): Promise<void> {
  await cp(machineNode, join(root, 'usr/local/bin/node'))
  const npm = dirname(dirname(await machineProgram('npm')))
  await cp(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true })
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name))
}

/** Where the machine itself has a program: npm puts this project's node_modules, and the Node in it, first in PATH. */
async function machineProgram(name: string): Promise<string> {
  const path = (process.env.PATH ?? '').split(':').filter(folder => !folder.includes('node_modules'))
  return realpath((await must(['which', name], { env: { PATH: path.join(':') } })).trim())
}

/** Authorities that this machine trusts and Debian does not (a company's proxy), added as Debian wants it done. */
async function addCertificates(root: string): Promise<void> {
  const certificates = (pem: string): string[] =>
    pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const debians = new Set(certificates(await readFile(join(root, BUNDLE), 'utf8')).map(c => c.replace(/\s/g, '')))
  const own = certificates(await readFile(BUNDLE, 'utf8')).filter(c => !debians.has(c.replace(/\s/g, '')))
  if (own.length === 0) return
  for (const [index, pem] of own.entries())
    await writeFile(join(root, `usr/local/share/ca-certificates/machine-${index}.crt`), `${pem}\n`)
  await must(['chroot', root, '/usr/sbin/update-ca-certificates'])
  await writeFile(join(root, 'etc/environment'), `NODE_EXTRA_CA_CERTS=${BUNDLE}\n`)
}

/** What makes it start by itself, as servers of a cloud do: an address by DHCP, the kernel's own disk. */
async function addBoot(root: string): Promise<void> {
  await writeFile(join(root, 'etc/fstab'), '/dev/vda / ext4 defaults 0 1\n')
  await writeFile(join(root, 'etc/systemd/network/e.network'), '[Match]\nName=e*\n[Network]\nDHCP=ipv4\n')
  await must(['chroot', root, 'systemctl', 'enable', 'systemd-networkd'])
  // The name server of qemu's user network, which asks the machine's own.
  await writeFile(join(root, 'etc/resolv.conf'), 'nameserver 10.0.2.3\n')
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}
