import { label, type Labels } from '../core/labels.ts'
import type { ContainerDisk } from './engine.ts'
import { get } from './calls.ts'
import type { DockerHttp } from './http.ts'

interface ContainerJson {
  readonly Id: string
  readonly Labels: Labels
  /** Absent when it has written nothing. */
  readonly SizeRw?: number
  readonly Mounts?: readonly { readonly Type: string; readonly Name?: string }[]
}

interface DiskJson {
  readonly Volumes: readonly { readonly Name: string; readonly UsageData?: { readonly Size: number } | null }[] | null
}

/** What each container with our label has on the engine's disk besides its image: its layer, and its volumes' files. */
export async function diskUse(http: DockerHttp, signal: AbortSignal): Promise<readonly ContainerDisk[]> {
  const filters = JSON.stringify({ label: [label.app] })
  const containers = (await http.json(
    get('/containers/json', { all: true, size: true, filters }),
    signal,
  )) as ContainerJson[]
  const volumesOf = ({ Mounts = [] }: ContainerJson) =>
    Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name !== undefined ? [Name] : []))
  // An image that declares VOLUME is given one for each container, which its layer's size does not count.
  const sizes = containers.some(one => volumesOf(one).length > 0)
    ? await volumeSizes(http, signal)
    : new Map<string, number>()
  return containers.map(one => ({
    container: one.Id,
    service: one.Labels['com.docker.swarm.service.name'] ?? null,
    labels: one.Labels,
    bytes: volumesOf(one).reduce((sum, name) => sum + (sizes.get(name) ?? 0), one.SizeRw ?? 0),
  }))
}

/** Engines before API 1.42 know no `type` and measure everything. A size of -1 is one that was not measured. */
async function volumeSizes(http: DockerHttp, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const { Volumes } = (await http.json(get('/system/df', { type: 'volume' }), signal)) as DiskJson
  return new Map((Volumes ?? []).map(({ Name, UsageData }) => [Name, Math.max(0, UsageData?.Size ?? 0)]))
}
