import { spawn } from 'node:child_process'
import { access, constants, mkdir, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { must } from './program.ts'
import { base, installPrograms, type Debian } from './rootfs.ts'

/** Virtual machines: what a rig host cannot show, a kernel of its own with systemd and cgroup v2 (docs/design/rig.md). */
const STATE = '/var/lib/lading-vm'
const CHECKOUT = join(import.meta.dirname, '../..')
const tools = { 'qemu-system-x86_64': 'qemu-system-x86', mke2fs: 'e2fsprogs', ssh: 'openssh-client' }

export interface VmOptions {
  readonly debian: Debian
  /** MiB. */
  readonly memory: number
  readonly cpus: number
}

interface VmFacts extends VmOptions {
  readonly base: string
  /** Of 127.0.0.1; leads to the guest's ssh. */
  readonly port: number
}

export class Vm {
  readonly name: string
  readonly #folder: string

  constructor(name: string) {
    if (!/^[a-z][a-z0-9-]{0,19}$/.test(name)) throw new Error(`not a host's name: ${name}`)
    this.name = name
    this.#folder = join(STATE, name)
  }

  static async all(): Promise<readonly Vm[]> {
    const names = await readdir(STATE).catch(ifMissing([] as string[]))
    return [...names].sort().map(name => new Vm(name))
  }

  async facts(): Promise<VmFacts> {
    return JSON.parse(await readFile(join(this.#folder, 'vm.json'), 'utf8')) as VmFacts
  }

  /** Makes it where it is missing, boots it where it is off, and brings this checkout's HEAD to its /opt/lading. */
  async up(options: VmOptions, say: (line: string) => void): Promise<void> {
    await installPrograms(tools, say)
    const known = await this.facts().catch(ifMissing(null))
    if (!known) await this.#make(options, say)
    if ((await this.pid()) === null) await this.#boot()
    const { port } = await this.facts()
    const run = (argv: readonly string[]) => must(this.#ssh(argv, port))
    await eventually(`${this.name} takes ssh`, () => run(['true']), { withinMs: 600_000, everyMs: 500 })
    await run(['git', 'init', '--quiet', '--initial-branch=main', '/opt/lading'])
    await run(['git', '-C', '/opt/lading', 'config', 'receive.denyCurrentBranch', 'updateInstead'])
    const push = ['git', '-C', CHECKOUT, 'push', '--quiet', '--force', `ssh://root@127.0.0.1:${port}/opt/lading`]
    await must([...push, 'HEAD:refs/heads/main'], {
      env: { GIT_SSH_COMMAND: ['ssh', ...this.#sshOptions()].join(' ') },
    })
  }

  /** The id of its qemu; null when it has no power. */
  async pid(): Promise<number | null> {
    const pid = Number(await readFile(join(this.#folder, 'pid'), 'utf8').catch(ifMissing('0')))
    // Process ids are used again: only a qemu with this folder in its arguments is the one.
    const command = pid > 0 ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(ifMissing('')) : ''
    return command.includes(join(this.#folder, 'disk')) ? pid : null
  }

  /** Power off at once: what the guest has not written is lost. */
  async power(): Promise<void> {
    const pid = await this.pid()
    if (pid !== null) process.kill(pid, 'SIGKILL')
    await eventually(`${this.name} is without power`, async () => (await this.pid()) === null)
  }

  async down(): Promise<void> {
    await this.power()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Runs a program inside as root, attached to this terminal; gives its exit code. */
  async attach(argv: readonly string[]): Promise<number> {
    const { port } = await this.facts()
    const [file, ...rest] = this.#ssh(argv, port)
    const child = spawn(file ?? '', rest, { stdio: 'inherit' })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve(code ?? 1))
    })
  }

  /** Its disk is a file system without partitions; kernel and initial disk come from the base. */
  async #make(options: VmOptions, say: (line: string) => void): Promise<void> {
    const folder = await base(options.debian, 'vm', say)
    const disk = join(this.#folder, 'disk')
    await rm(this.#folder, { recursive: true, force: true })
    await mkdir(this.#folder, { recursive: true })
    await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(this.#folder, 'key')])
    await must(['mke2fs', '-q', '-t', 'ext4', '-d', folder, disk, '16G'])
    const facts: VmFacts = { ...options, base: folder, port: await freePort() }
    await writeFile(join(this.#folder, 'vm.json'), JSON.stringify(facts, null, 2))
  }

  async #boot(): Promise<void> {
    const { base: folder, port, memory, cpus } = await this.facts()
    const key = (await readFile(join(this.#folder, 'key.pub'), 'utf8')).trim()
    const words = ['root=/dev/vda rw console=ttyS0', `systemd.hostname=${this.name}`]
    words.push(`"systemd.set_credential=ssh.authorized_keys.root:${key}"`)
    const argv = ['qemu-system-x86_64', ...(await accelerator()), '-nodefaults', '-display', 'none']
    argv.push('-smp', String(cpus), '-m', String(memory))
    argv.push('-kernel', await realpath(join(folder, 'vmlinuz')), '-initrd', await realpath(join(folder, 'initrd.img')))
    argv.push('-append', words.join(' '), '-serial', `file:${join(this.#folder, 'console.log')}`)
    // `unsafe` keeps writes in the machine's memory: they outlive a killed qemu, which is all the power a guest can lose.
    argv.push('-drive', `file=${join(this.#folder, 'disk')},format=raw,if=virtio,cache=unsafe`)
    argv.push('-nic', `user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:${port}-:22`)
    await must([...argv, '-device', 'virtio-rng-pci', '-daemonize', '-pidfile', join(this.#folder, 'pid')])
  }

  #ssh(argv: readonly string[], port: number): string[] {
    return ['ssh', ...this.#sshOptions(), '-p', String(port), 'root@127.0.0.1', ...argv]
  }

  #sshOptions(): string[] {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'ConnectTimeout=10']
    return ['-i', join(this.#folder, 'key'), ...options.flatMap(option => ['-o', option])]
  }
}

/**
 * KVM where the processor virtualizes; else qemu translates, some ten times slower. A /dev/kvm without `vmx` or `svm`
 * interprets the guest's kernel, which is slower still.
 */
async function accelerator(): Promise<readonly string[]> {
  const virtualizes = /^flags.* (vmx|svm) /m.test(await readFile('/proc/cpuinfo', 'utf8'))
  const usable = await access('/dev/kvm', constants.W_OK).then(
    () => true,
    () => false,
  )
  return virtualizes && usable ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max']
}

/** One that nothing listens on now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

function ifMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return instead
    throw error
  }
}
