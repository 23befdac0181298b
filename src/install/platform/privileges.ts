import { builderPrivileges } from '../../build/builder/cage.ts'
import { paths } from '../paths.ts'

/** What a container of the platform may do on its node. All run as root, under the engine's seccomp but where it is said. */
export interface Privileges {
  /** `host`, `none`, `bridge`, or the name of an overlay besides the bridge. */
  readonly network: string
  readonly pid: '' | 'host'
  /** Besides the engine's own few. */
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly securityOpt: readonly string[]
  readonly readOnlyRoot: boolean
  readonly mounts: readonly Mount[]
}

export interface Mount {
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

/** Nothing of ours opens raw sockets, makes devices, or changes what a program may do. */
const needless = ['NET_RAW', 'MKNOD', 'AUDIT_WRITE', 'SYS_CHROOT', 'SETFCAP', 'SETPCAP'].map(name => `CAP_${name}`)

const caged = {
  network: 'lading-platform',
  pid: '',
  capAdd: [],
  capDrop: needless,
  securityOpt: [],
  readOnlyRoot: false,
} as const

/**
 * The one table of what each container of the platform gets; the specs are made from it, and `e2e:platform` compares it
 * with what runs. Whoever adds a line says why.
 */
export const privileges = {
  keeper: {
    network: 'host',
    // Which sockets a process of an app listens on is read from the node's /proc.
    pid: 'host',
    capAdd: ['NET_ADMIN', 'SYS_PTRACE'],
    capDrop: [],
    securityOpt: [],
    readOnlyRoot: false,
    // The engine's socket is made again at its restarts, so it is reached through its folder.
    mounts: [whole('/run'), whole(paths.keeper), readOnly(paths.etc)],
  },
  logs: {
    network: 'none',
    pid: '',
    capAdd: [],
    capDrop: ['ALL'],
    securityOpt: ['no-new-privileges'],
    readOnlyRoot: true,
    // The engine's folder of containers comes to it, read-only: where that is, the engine says.
    mounts: [whole(paths.logs), whole(paths.logsRun), readOnly(paths.routerRun)],
  },
  registry: {
    ...caged,
    mounts: [whole(paths.registryRun), { source: paths.registry, target: '/var/lib/registry', readOnly: false }],
  },
  control: {
    ...caged,
    mounts: [
      whole(paths.run),
      whole(paths.control),
      whole(paths.backups),
      readOnly(paths.token),
      readOnly(paths.registryToken),
      readOnly(paths.hooks),
    ],
  },
  builder: { ...builderPrivileges, mounts: [] },
} as const satisfies Record<string, Privileges>

function readOnly(path: string): Mount {
  return { source: path, target: path, readOnly: true }
}

function whole(path: string): Mount {
  return { source: path, target: path, readOnly: false }
}
