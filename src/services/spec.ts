import { defaults } from '../core/defaults.ts'
import { serviceObject } from '../core/attached.ts'
import { label, type Labels } from '../core/labels.ts'
import type { ImageReference, NodeName } from '../core/names.ts'
import type { ServiceSpec } from '../docker/engine.ts'
import type { ServiceRow } from '../store/service-store.ts'
import type { Kind } from './kind.ts'

export function objectOf({ name, id }: Pick<ServiceRow, 'name' | 'id'>): string {
  return serviceObject(name, id)
}

/** On every object of the service (law: readable-from-the-cluster). */
export function serviceLabels({ id, kind, name }: Pick<ServiceRow, 'id' | 'kind' | 'name'>): Labels {
  return { [label.role]: 'service', [label.service]: id, [label.kind]: kind, [label.name]: name }
}

/** The swarm service. Pure: the same row gives the same spec. */
export function swarmService(
  service: ServiceRow,
  { kind, image, node }: { readonly kind: Kind; readonly image: ImageReference; readonly node: NodeName },
): ServiceSpec {
  const [name, labels] = [objectOf(service), serviceLabels(service)]
  return {
    name,
    labels,
    image,
    command: null,
    env: {},
    replicas: 1,
    network: name,
    volume: { name, target: kind.folder, labels, node },
    port: null,
    stopSeconds: kind.stopSeconds,
    policy: {
      memory: kind.memory,
      reservedMemory: Math.floor(kind.memory * defaults.reservedMemoryShare),
      cpus: defaults.settings.cpus,
      pids: defaults.pids,
      tmpBytes: defaults.tmpBytes,
      openFiles: defaults.openFiles,
      dropCapabilities: ['ALL'],
    },
  }
}
