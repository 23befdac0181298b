import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { lstat, mkdir, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCgroups, removeCgroups, type Cgroups } from './cgroups.ts'
import { keepLogs } from './evidence.ts'
import { eventually } from './eventually.ts'
import { plugIn, setCable, setLine, unplug, type Cable, type Line, type Network } from './network.ts'
import { must, outcome, type Outcome, type RunOptions } from './program.ts'
import type { Debian, Variant } from './rootfs.ts'

/** What a host is made of; kept as host.json, so that another process (the CLI, a later test) finds it again. */
export interface HostFacts {
  readonly name: string
  readonly debian: Debian
  readonly variant: Variant
  readonly base: string
  readonly cable: Cable
  /** False: `nameserver 127.0.0.1`, so that an unknown name fails at once. */
  readonly names: boolean
  /** Its disk is a file system of its own of this size; null: a folder of the machine. */
  readonly diskBytes: number | null
  /** Of that file system; absent: as many as mkfs thinks right. */
  readonly diskInodes?: number
  readonly checkout: string
  /** Below each hierarchy's mount. */
  readonly cgroup: string
}

const JOIN = join(import.meta.dirname, 'join.sh')
const BOOT = join(import.meta.dirname, 'boot.sh')
const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
}

/** One machine of the rig: its own processes, network, control groups and disk, and its own engine. */
export class Host {
  readonly facts: HostFacts
  readonly #folder: string
  readonly #network: Network

  constructor(folder: string, facts: HostFacts, network: Network) {
    this.#folder = folder
    this.facts = facts
    this.#network = network
  }

  get name(): string {
    return this.facts.name
  }

  get address(): string {
    return this.facts.cable.address
  }

  /** The outer process id of the host's pid 1; null when it has no power. */
  async pid(): Promise<number | null> {
    const text = await readFile(join(this.#folder, 'pid'), 'utf8').catch(ifMissing(null))
    if (text === null) return null
    const pid = Number(text)
    const state = await readFile(`/proc/${pid}/environ`, 'utf8').catch(ifMissing(''))
    // Process ids are used again: only a process with this folder in its environment is the one.
    return state.split('\0').includes(`RIG_HOST=${this.#folder}`) ? pid : null
  }

  /** A path inside the host as a path of the machine: its Unix sockets and files can be reached through it. */
  async path(inside: string): Promise<string> {
    return join(`/proc/${await this.#running()}/root`, inside)
  }

  /** Runs a program inside, as root, with a login's environment. Never rejects for its exit code. */
  async exec(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const { env, cwd, ...rest } = options
    return outcome(await this.#enter(argv, env, cwd), rest)
  }

  /** Runs a program inside that must succeed; gives its standard output without the last line break. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const { env, cwd, ...rest } = options
    return (await must(await this.#enter(argv, env, cwd), rest)).replace(/\n$/, '')
  }

  /** Starts a program inside with pipes, as the leader of its own process group. */
  async spawn(argv: readonly string[], options: Pick<RunOptions, 'env' | 'cwd'> = {}): Promise<ChildProcess> {
    const [file, ...rest] = await this.#enter(argv, options.env, options.cwd)
    return spawn(file ?? '', rest, { stdio: 'pipe', detached: true })
  }

  /** Runs it attached to this terminal. */
  async attach(argv: readonly string[]): Promise<number> {
    const [file, ...rest] = await this.#enter(argv, { TERM: process.env.TERM ?? 'dumb' })
    const child = spawn(file ?? '', rest, { stdio: 'inherit' })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve(code ?? 1))
    })
  }

  async #enter(argv: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = '/root'): Promise<string[]> {
    const pid = await this.#running()
    const groups = await this.#cgroups()
    const certificates = await readFile(join(this.facts.base, 'etc/environment'), 'utf8').catch(ifMissing(''))
    const own = Object.entries({ ...environment, ...env }).map(([key, value]) => `${key}=${value}`)
    const variables = [...certificates.split('\n').filter(Boolean), ...own]
    const namespaces = ['nsenter', '--target', String(pid), '-m', '-u', '-i', '-n', '-p', '-C']
    // --chdir and not nsenter's --wd, which is resolved before the mount namespace is entered.
    const inside = ['env', '-i', `--chdir=${cwd}`, ...variables, ...argv]
    return ['bash', JOIN, ...groups.enter, '--', ...namespaces, '--', ...inside]
  }

  async #running(): Promise<number> {
    const pid = await this.pid()
    if (pid === null) throw new Error(`${this.name} has no power`)
    return pid
  }

  async #cgroups(): Promise<Cgroups> {
    return JSON.parse(await readFile(join(this.#folder, 'cgroups.json'), 'utf8')) as Cgroups
  }

  /** Power on: pid 1 afresh on the same disk; /etc/rc.local runs if the disk has one. No error when it is on. */
  async boot(): Promise<void> {
    if ((await this.pid()) !== null) return
    await this.#mountDisk()
    await unplug(this.facts.cable)
    await plugIn(this.#network, this.facts.cable)
    const groups = await createCgroups(this.facts.cgroup)
    await writeFile(join(this.#folder, 'cgroups.json'), JSON.stringify(groups))
    const resolv = join(this.#folder, 'resolv.conf')
    await writeFile(resolv, this.facts.names ? await readFile('/etc/resolv.conf') : 'nameserver 127.0.0.1\n')

    const namespaces = ['nsenter', `--net=/run/netns/${this.facts.cable.namespace}`, 'unshare']
    const kinds = ['--cgroup', '--mount', '--uts', '--ipc', '--pid', '--fork']
    const init = ['bash', BOOT, this.#folder, this.facts.base, this.facts.checkout, this.name, resolv]
    const log = openSync(join(this.#folder, 'boot.log'), 'w')
    const child = spawn('bash', [JOIN, ...groups.boot, '--', ...namespaces, ...kinds, ...init], {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...environment, RIG_HOST: this.#folder },
    })
    child.unref()
    closeSync(log)
    const pid = await eventually(
      `${this.name} booted`,
      async () => {
        if (child.exitCode !== null)
          throw new Error(`boot.sh ended: ${await readFile(join(this.#folder, 'boot.log'), 'utf8')}`)
        const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
        const first = children.trim().split(' ')[0]
        if (!first) return null
        await lstat(`/proc/${first}/root/run/rig-booted`)
        return Number(first)
      },
      { withinMs: 30_000, everyMs: 20 },
    )
    await writeFile(join(this.#folder, 'pid'), String(pid))
  }

  /** Power off: kill -9 of everything in the host at once; the disk stays as it was. */
  async power(): Promise<void> {
    const pid = await this.pid()
    if (pid !== null) {
      // The kernel kills all processes of a pid namespace with its first.
      process.kill(pid, 'SIGKILL')
      await eventually(`${this.name} is without power`, async () => (await this.pid()) === null, { everyMs: 20 })
    }
    await rm(join(this.#folder, 'pid'), { force: true })
    await unplug(this.facts.cable)
    await removeCgroups(this.facts.cgroup)
  }

  /**
   * Power off as an init system does it: SIGTERM to every process at once, and what has not ended after ten seconds ends
   * with the power.
   */
  async shutDown(): Promise<void> {
    await this.run(['perl', '-e', 'kill TERM => -1'])
    const alone = async () => (await this.run(['ps', '-e', '-o', 'pid=,stat='])).split('\n').filter(isAlive).length <= 2
    await eventually(`${this.name}'s processes have ended`, alone, { withinMs: 10_000 }).catch(() => undefined)
    await this.power()
  }

  /** Starts dockerd and waits until it answers. No error when it runs. */
  async startEngine(): Promise<void> {
    if ((await this.enginePids()).length === 0) {
      // A pid file of an engine that was killed may name a process that is someone else by now.
      await this.run(['rm', '-f', '/var/run/docker.pid'])
      const log = openSync(await this.path('/var/log/dockerd.log'), 'a')
      const [file, ...rest] = await this.#enter(['setsid', '--fork', 'dockerd'])
      spawn(file ?? '', rest, { stdio: ['ignore', log, log], detached: true }).unref()
      closeSync(log)
    }
    await eventually(`${this.name}'s engine answers`, () =>
      this.run(['docker', 'version', '-f', '{{.Server.Version}}']),
    )
  }

  /**
   * SIGKILL of the host's engine; its containerd dies with it (dockerd asks the kernel for that), containers and their
   * shims live on. Gives how many engines were killed.
   */
  async killEngine(): Promise<number> {
    const pids = await this.enginePids()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await eventually(`${this.name}'s engine is dead`, async () => (await this.enginePids()).length === 0)
    return pids.length
  }

  /** SIGTERM to the host's engine, which stops its containers first; resolves when it has ended. */
  async stopEngine(): Promise<void> {
    for (const pid of await this.enginePids()) process.kill(pid, 'SIGTERM')
    await eventually(`${this.name}'s engine has ended`, async () => (await this.enginePids()).length === 0)
  }

  async enginePids(): Promise<readonly number[]> {
    return this.processes('dockerd')
  }

  /** Outer ids of processes of the host's own pid namespace (not of containers with their own) by program name. */
  async processes(program: string): Promise<readonly number[]> {
    const own = await readlink(`/proc/${await this.#running()}/ns/pid`)
    const found: number[] = []
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      const name = await readFile(`/proc/${entry}/comm`, 'utf8').catch(ifMissing(''))
      if (name.trim() !== program) continue
      const namespace = await readlink(`/proc/${entry}/ns/pid`).catch(ifMissing(''))
      const zombie = (await readFile(`/proc/${entry}/stat`, 'utf8').catch(ifMissing(''))).includes(') Z ')
      if (namespace === own && !zombie) found.push(Number(entry))
    }
    return found
  }

  /** Pulls the cable; packets vanish, no one gets a reset. */
  async cut(): Promise<void> {
    await setCable(this.facts.cable, 'down')
  }

  async heal(): Promise<void> {
    await setCable(this.facts.cable, 'up')
  }

  async slow(line: Line | null): Promise<void> {
    await setLine(this.facts.cable, line)
  }

  /** Leaves `leaveBytes` free on the host's disk, which must be one of its own (`diskBytes`). Undo: `fill(null)`. */
  async fill(leaveBytes: number | null): Promise<void> {
    if (this.facts.diskBytes === null)
      throw new Error(`${this.name} shares the machine's disk; make it with --disk BYTES to fill it`)
    const file = join(this.#folder, 'disk/filling')
    await rm(file, { force: true })
    if (leaveBytes === null) return
    const free = Number((await must(['stat', '-f', '-c', '%a', join(this.#folder, 'disk')])).trim())
    const block = Number((await must(['stat', '-f', '-c', '%S', join(this.#folder, 'disk')])).trim())
    const bytes = free * block - leaveBytes
    // Asked for the last block it may lack room for its own map of blocks; then the disk is just as full.
    const end = bytes > 0 ? await outcome(['fallocate', '-l', String(bytes), file]) : null
    if (end && end.code !== 0 && !end.stderr.includes('No space left')) throw new Error(end.stderr)
  }

  async #mountDisk(): Promise<void> {
    const disk = join(this.#folder, 'disk')
    await mkdir(disk, { recursive: true })
    await mkdir(join(this.#folder, 'root'), { recursive: true })
    if (this.facts.diskBytes !== null && (await outcome(['mountpoint', '-q', disk])).code !== 0) {
      const image = `${disk}.ext4`
      if ((await outcome(['test', '-e', image])).code !== 0) {
        await must(['truncate', '-s', String(this.facts.diskBytes), image])
        const inodes = this.facts.diskInodes === undefined ? [] : ['-N', String(this.facts.diskInodes)]
        await must(['mkfs.ext4', '-q', '-m', '0', ...inodes, image])
      }
      await must(['mount', '-o', 'loop', image, disk])
    }
    for (const part of ['upper', 'work', 'docker', 'containerd', 'checkout', 'checkout-work'])
      await mkdir(join(disk, part), { recursive: true })
  }

  /** Power off, and the disk with everything on it is gone. */
  async destroy(): Promise<void> {
    await this.power()
    await keepLogs(this.name, join(this.#folder, 'disk'))
    await removeDisk(this.#folder)
  }
}

/** The folder of a host without power, and its disk; no error when parts of them are gone already. */
export async function removeDisk(folder: string): Promise<void> {
  const disk = join(folder, 'disk')
  if ((await outcome(['mountpoint', '-q', disk])).code === 0) await must(['umount', disk])
  // The host's mounts go with its last process, a moment after it.
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}

/** A line of `ps` that is neither pid 1 nor dead already. */
function isAlive(line: string): boolean {
  return !/^\s*1\s|\sZ/.test(line)
}

function ifMissing<T>(value: T) {
  return (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return value
    throw error
  }
}
