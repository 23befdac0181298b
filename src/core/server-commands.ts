/** A command of the server's owner, as its help page tells it. */
interface ServerCommand {
  readonly arguments: string
  /** One line; who may run it stands at its end. */
  readonly summary: string
  /** A paragraph. */
  readonly more: string
  /** An option as it is typed, and what it does. */
  readonly options: Readonly<Record<string, string>>
  /** Command lines without the `$`. */
  readonly examples: readonly string[]
}

/** Parsed by `src/install/options.ts`; told by its `--help`, by the command line's and by docs/reference/cli.md. */
export const serverCommands = {
  up: {
    arguments: '[options]',
    summary: 'make this machine a platform, or bring it up to date (root)',
    more: 'What is there already is left alone; what was decided once (domain, cluster address) stays without its option.',
    options: {
      '--domain <name>':
        'apps answer at NAME.<name>; without it, as before, else "<public address>.sslip.io", else "localhost"',
      '--advertise <ip>':
        "this machine's fixed private address, for other nodes; asked for where there are several. It can never change",
      '--images <file>': 'take the platform\'s images from a file of "lading images save" instead of building them',
      '--mirror <url>': 'the Debian mirror to build images from; without it, the one that this machine uses',
      '--proxy <url>':
        'the HTTP proxy that leads out, or "none"; without it, http_proxy and https_proxy, else as before',
      '--private-networks <policy>':
        'what apps and builds may reach of private networks: "deny-own" (none that this machine has a route to), "deny-all" or "allow", and after a comma what stays open, such as deny-own,10.0.0.9; without it, as before, else deny-own',
      '--balancers <addresses>':
        'addresses and networks of load balancers in front, with commas, whose connections and requests are not counted; "none"; without it, as before',
      '--patience <seconds>': 'so long a new control plane may take to prove itself; without it, 120',
      '--no-hello': 'do not deploy examples/hello at the end',
      '--check': 'only say whether this machine is ready, and which ports to open; changes nothing',
    },
    examples: [
      'lading up --check',
      'lading up',
      'lading up --domain example.com',
      'lading up --images lading.tar --no-hello',
    ],
  },
  upgrade: {
    arguments: '[options]',
    summary: "replace the platform by this checkout's version, and go back when that does not come up (root)",
    more: 'After a "git pull" in the checkout, or from another one. Apps go on meanwhile; the store is copied first. "lading up" goes the same way, without looking first whether something is wrong.',
    options: {
      '--images <file>': 'take the platform\'s images from a file of "lading images save" instead of building them',
      '--mirror <url>': 'the Debian mirror to build images from; without it, the one that this machine uses',
      '--patience <seconds>': 'so long the new control plane may take to prove itself; without it, 120',
    },
    examples: ['lading upgrade', 'lading upgrade --images lading.tar'],
  },
  down: {
    arguments: '[options]',
    summary: 'stop the platform on this machine and keep its data, or remove it for good (root)',
    more: 'Without an option everything stops, apps too, and "lading up" brings all of it back.',
    options: {
      '--purge': 'remove every app, its data, the platform and what was installed for it; asks for --yes',
      '--yes': 'yes, all of it',
    },
    examples: ['lading down', 'lading down --purge --yes'],
  },
  doctor: {
    arguments: '[options]',
    summary: 'find what is wrong with the platform on this machine, and how to fix it (root)',
    more: 'Changes nothing. Exits 1 when something is wrong.',
    options: {
      '--json': 'every check with its fact or its obstacles, as JSON',
      '--bundle <file>': 'also write a .tar.gz for a bug report: the diagnosis, states, our logs; secrets are masked',
    },
    examples: ['lading doctor', 'lading doctor --bundle report.tar.gz'],
  },
  backup: {
    arguments: '[options] [ls | verify <file> | schedule]',
    summary: 'one encrypted file of everything that cannot be made again (root)',
    more:
      'Rows, git repositories, keys, certificates; images are built again from their commits. Without a verb one is made now, ' +
      'where the schedule puts them, and opened again. The recovery code opens it, or a passphrase of yours.',
    options: {
      '--to <folder>':
        'one backup to any folder, or to standard output (-); with "schedule", a folder below /var/backups or s3://BUCKET/FOLDER',
      '--passphrase-file <file>': 'its first line instead of the recovery code',
      '--every <hours>': 'with "schedule": how often; at first every 24',
      '--keep <number>': 'with "schedule": how many of its own stay; at first 7',
      '--endpoint <url>': 'with "schedule" and s3://: where that store is',
      '--region <name>': 'with "schedule" and s3://: at first us-east-1',
      '--credentials <file>':
        'with "schedule" and s3://: holds AWS_ACCESS_KEY_ID= and AWS_SECRET_ACCESS_KEY=; kept encrypted',
      '--on, --off': 'with "schedule": whether any are made by themselves',
      '--json': 'what was done or found, as JSON',
    },
    examples: [
      'lading backup',
      'lading backup --to - | ssh backups@example.com "cat > lading.age"',
      'lading backup ls',
      'lading backup verify /var/backups/lading/lading-example.com-20261125T031500Z.auto.age',
      'lading backup schedule --every 6 --keep 28',
      'lading backup schedule --to s3://my-backups/lading --endpoint https://s3.example.com --credentials s3.env',
    ],
  },
  restore: {
    arguments: '[options] <file>',
    summary: 'make this bare machine the platform that a backup was made of (root)',
    more: 'Like "lading up", with what is in the backup; it ends with the same apps answering. Killed anywhere, the same command goes on.',
    options: {
      '--passphrase-file <file>': 'its first line is the recovery code or the passphrase; without it, you are asked',
      '--domain <name>': 'another one than in the backup',
      '--cluster-address <ip>': 'as for "lading up"',
      '--images <file>': 'as for "lading up"',
      '--mirror <url>': 'as for "lading up"',
      '--beside': 'also while the platform that it was made of still answers',
    },
    examples: ['lading restore lading-example.com-20261125T031500Z.auto.age'],
  },
  rotate: {
    arguments: '<owner-token|registry-token>',
    summary: 'change a key or a token while apps serve (root)',
    more: 'Stopped half-way, the same command goes on. owner-token: the new one stands in /etc/lading/token; the old one is refused from then on, and what was open with it is cut; log in again where it was used: "lading login". registry-token: what engines show when they pull; both are taken until every service carries the new one, and nothing else is to be done.',
    options: {},
    examples: ['lading rotate owner-token', 'lading rotate registry-token'],
  },
  boot: {
    arguments: '',
    summary: "what must happen at the machine's start, where there is no systemd (root)",
    more: 'Puts the cluster address and the firewall in place, then starts the engine, which starts everything else.',
    options: {},
    examples: ['lading boot'],
  },
  images: {
    arguments: 'save <file>',
    summary: "save the platform's images for machines without network (root)",
    more: 'The other machine takes them with "lading up --images FILE".',
    options: {},
    examples: ['lading images save lading.tar'],
  },
} as const satisfies Readonly<Record<string, ServerCommand>>

export type ServerCommandName = keyof typeof serverCommands

/** The page of `lading NAME --help`, in the manner of the other commands; ends with a line break. */
export function serverHelp(name: ServerCommandName): string {
  const command: ServerCommand = serverCommands[name]
  const options = Object.entries({ ...command.options, '-h, --help': 'display help for command' })
  const width = Math.max(...options.map(([option]) => option.length))
  const paragraphs = [
    `Usage: ${['lading', name, command.arguments].join(' ').trimEnd()}`,
    command.summary,
    ['Options:', ...options.map(([option, what]) => `  ${option.padEnd(width)}  ${what}`)].join('\n'),
    command.more,
    [`Example${command.examples.length > 1 ? 's' : ''}:`, ...command.examples.map(line => `  $ ${line}`)].join('\n'),
  ]
  return `${paragraphs.join('\n\n')}\n`
}
