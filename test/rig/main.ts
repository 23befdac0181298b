import { Command, InvalidArgumentError } from 'commander'
import process from 'node:process'
import type { HostOptions } from './rig.ts'
import { DEFAULT_RIG, orphans, Rig } from './rig.ts'
import { base, type Debian, type Variant } from './rootfs.ts'
import { Vm, type VmOptions } from './vm.ts'

/** `npm run rig -- …`: hosts by hand. Each command may be given again; it says what is, not what was done. */
const program = new Command('rig')
  .description('several hosts on one machine, each with its own engine (docs/design/rig.md)')
  .option('--rig <name>', 'rigs of different names do not meet', DEFAULT_RIG)
  .option('--subnet <a.b.c>', 'first three numbers of the hosts’ addresses')

const rig = (): Rig =>
  new Rig({ ...program.opts<{ subnet?: string }>(), name: program.opts<{ rig: string }>().rig, say })

interface UpFlags {
  debian: Debian
  variant: Variant
  names: boolean
  disk?: number
  engine?: boolean
}

program
  .command('up')
  .argument('<hosts...>', 'a number of hosts (h1, h2, …), or their names')
  .option('--debian <release>', 'trixie or bookworm', oneOf('trixie', 'bookworm'), 'trixie')
  .option('--variant <variant>', 'bare or engine', oneOf('bare', 'engine'), 'engine')
  .option('--no-names', 'no name server: an unknown name fails at once')
  .option('--disk <bytes>', 'a disk of its own of this size', number)
  .option('--engine', 'also start dockerd')
  .action(async (hosts: string[], flags: UpFlags) => {
    for (const name of hostNames(hosts)) {
      const options: HostOptions = { name, debian: flags.debian, variant: flags.variant, names: flags.names }
      const host = await rig().up(flags.disk === undefined ? options : { ...options, diskBytes: flags.disk })
      if (flags.engine) await host.startEngine()
      say(`${name} is up at ${host.address}`)
    }
  })

program
  .command('bases')
  .description('make the Debian bases that are not in the cache yet')
  .action(async () => {
    for (const debian of ['trixie', 'bookworm'] as const)
      for (const variant of ['engine', 'bare'] as const) await base(debian, variant, say)
  })

program
  .command('down')
  .option('--orphans <prefix>', 'rigs with such names whose makers are gone, instead')
  .action(async ({ orphans: prefix }: { orphans?: string }) => {
    if (prefix === undefined) return rig().down()
    for (const name of await orphans(prefix)) {
      say(`taking the rig ${name} down: what made it is gone`)
      await new Rig({ name }).down()
    }
  })

program
  .command('sh')
  .argument('<name>')
  .argument('[argv...]', 'a program and its arguments, after --; default: a shell')
  .action(async (name: string, argv: string[]) => {
    process.exitCode = await (await rig().host(name)).attach(argv.length > 0 ? argv : ['bash'])
  })

program.command('ps').action(async () => {
  for (const host of await rig().hosts()) {
    const on = (await host.pid()) !== null
    const engine = !on ? 'no power' : (await host.enginePids()).length > 0 ? 'engine runs' : 'no engine'
    say([host.name, host.address, host.facts.debian, host.facts.variant, engine].join('\t'))
  }
})

const verbs: Readonly<Record<string, readonly [string, (host: Awaited<ReturnType<Rig['host']>>) => Promise<unknown>]>> =
  {
    start: ['start the engine', host => host.startEngine()],
    kill: ['SIGKILL the engine', host => host.killEngine()],
    cut: ['pull the cable', host => host.cut()],
    heal: ['put the cable back', host => host.heal()],
    power: ['kill -9 of everything in the host', host => host.power()],
    boot: ['pid 1 afresh on the same disk', host => host.boot()],
  }
for (const [verb, [description, act]] of Object.entries(verbs))
  program
    .command(verb)
    .description(description)
    .argument('<name>')
    .action(async (name: string) => void (await act(await rig().host(name))))

program
  .command('slow')
  .description('a bad line, both ways; without options: a good one')
  .argument('<name>')
  .option('--kilobits <n>', 'per second', number)
  .option('--delay <ms>', 'needs netem in the kernel', number)
  .option('--loss <percent>', 'needs netem in the kernel', number)
  .action(async (name: string, flags: { kilobits?: number; delay?: number; loss?: number }) => {
    const line = {
      ...(flags.kilobits === undefined ? {} : { kilobits: flags.kilobits }),
      ...(flags.delay === undefined ? {} : { delayMs: flags.delay }),
      ...(flags.loss === undefined ? {} : { lossPercent: flags.loss }),
    }
    await (await rig().host(name)).slow(Object.keys(line).length > 0 ? line : null)
  })

program
  .command('fill')
  .description('fill the disk of a host made with --disk; --undo frees it')
  .argument('<name>')
  .option('--leave <bytes>', 'bytes that stay free', number, 0)
  .option('--undo')
  .action(async (name: string, flags: { leave: number; undo?: boolean }) => {
    await (await rig().host(name)).fill(flags.undo ? null : flags.leave)
  })

const vm = program
  .command('vm')
  .description('a virtual machine: kernel, systemd and cgroup v2 of its own (quick only with KVM)')
vm.command('up')
  .description('make and boot it, and bring HEAD of this checkout to its /opt/lading')
  .argument('<name>')
  .option('--debian <release>', 'trixie or bookworm', oneOf('trixie', 'bookworm'), 'trixie')
  .option('--memory <n>', 'memory in MiB', number, 3072)
  .option('--cpus <n>', 'processors', number, 2)
  .action(async (name: string, flags: VmOptions) => {
    await new Vm(name).up(flags, say)
    say(`${name} is up: npm run rig -- vm sh ${name} -- /opt/lading/lading up`)
  })
vm.command('sh')
  .argument('<name>')
  .argument('[argv...]', 'a program and its arguments, after --; default: a shell')
  .action(async (name: string, argv: string[]) => {
    process.exitCode = await new Vm(name).attach(argv)
  })
vm.command('power')
  .description('power off at once')
  .argument('<name>')
  .action((name: string) => new Vm(name).power())
vm.command('down')
  .description('it goes, with its disk')
  .argument('<name>')
  .action((name: string) => new Vm(name).down())
vm.command('ps').action(async () => {
  for (const each of await Vm.all())
    say([each.name, (await each.facts()).debian, (await each.pid()) === null ? 'no power' : 'runs'].join('\t'))
})

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`rig: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

function hostNames(hosts: readonly string[]): readonly string[] {
  const count = hosts.length === 1 ? Number(hosts[0]) : NaN
  return Number.isInteger(count) ? Array.from({ length: count }, (_, index) => `h${index + 1}`) : hosts
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('a number that is not negative')
  return value
}

function oneOf(...values: readonly string[]) {
  return (text: string): string => {
    if (!values.includes(text)) throw new InvalidArgumentError(`one of ${values.join(', ')}`)
    return text
  }
}
