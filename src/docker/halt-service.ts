import type { Labels } from '../core/labels.ts'
import type { DockerHttp } from './http.ts'
import { updateService } from './update-service.ts'

/** No replicas any more, and labels that say why, in one update. */
export async function haltService(
  http: DockerHttp,
  { name, labels }: { readonly name: string; readonly labels: Labels },
  signal: AbortSignal,
): Promise<void> {
  const change = (spec: { readonly Labels?: Labels }) => ({
    ...spec,
    Labels: { ...spec.Labels, ...labels },
    Mode: { Replicated: { Replicas: 0 } },
  })
  await updateService(http, { name, change }, signal)
}
