import assert from 'node:assert/strict'
import { test } from 'node:test'
import { privileges, type Privileges } from '../../../src/install/platform/privileges.ts'
import type { Platform } from '../host.ts'

interface Inspected {
  readonly Config: { readonly User: string }
  readonly HostConfig: {
    readonly NetworkMode: string
    readonly PidMode: string
    readonly Privileged: boolean
    readonly CapAdd: readonly string[] | null
    readonly CapDrop: readonly string[] | null
    readonly SecurityOpt: readonly string[] | null
    readonly ReadonlyRootfs: boolean
    readonly Devices: readonly unknown[] | null
  }
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> }
  readonly Mounts: readonly {
    readonly Type: string
    readonly Source: string
    readonly Destination: string
    readonly RW: boolean
  }[]
}

/** What the engine itself adds: a keeper shares the node's processes, which SELinux would keep from it. */
const engines = { keeper: ['label=disable'], logs: [], registry: [], control: [], builder: [] } as const
/** By the engine's word, or by the build stage (its cache, and the folder of its one socket). */
const elsewhere = /^\/var\/lib\/docker\/(containers|volumes\/lading-builder\/_data)$|^\/run\/lading\/builder$/

/** The table of privileges says what runs: no part of the platform has a mount or a capability that it does not name. */
export function platformPrivileges(platform: () => Platform): void {
  for (const [name, line] of Object.entries(privileges) as [keyof typeof privileges, Privileges][])
    test(`lading-${name} runs with what the table of privileges says, and with nothing else`, async () => {
      const { host } = platform()
      // Swarm keeps the containers of earlier releases; the builder is stopped while no build runs.
      const which = name === 'builder' ? '-aq' : '-q'
      const ids = (await host.run(['docker', 'ps', which, '--filter', `name=^lading-${name}`])).split('\n')
      assert.notEqual(ids[0], '')
      for (const found of JSON.parse(await host.run(['docker', 'inspect', ...ids])) as readonly Inspected[])
        assert.deepEqual(seen(found), {
          ...line,
          securityOpt: [...line.securityOpt, ...engines[name]],
          mounts: sorted(line.mounts),
        })
    })
}

function seen({ Config, HostConfig, NetworkSettings, Mounts }: Inspected): Privileges {
  assert.deepEqual([Config.User, HostConfig.Privileged, HostConfig.Devices ?? []], ['', false, []])
  const mounts = Mounts.filter(({ Source }) => !elsewhere.test(Source))
  return {
    network: Object.keys(NetworkSettings.Networks).join(),
    pid: HostConfig.PidMode as '' | 'host',
    capAdd: HostConfig.CapAdd ?? [],
    capDrop: HostConfig.CapDrop ?? [],
    securityOpt: HostConfig.SecurityOpt ?? [],
    readOnlyRoot: HostConfig.ReadonlyRootfs,
    mounts: sorted(
      mounts.map(({ Source, Destination, RW }) => ({ source: Source, target: Destination, readOnly: !RW })),
    ),
  }
}

function sorted(mounts: Privileges['mounts']): Privileges['mounts'] {
  return mounts.toSorted((one, other) => one.source.localeCompare(other.source))
}
