import type { NodeVersions } from './parts.ts'
import type { LoopDocument } from './documents.ts'

/** What the platform tells a collector of numbers; what is not known is left out. */
export interface Metrics {
  readonly version: string
  readonly build: string
  /** Of the worst minute of the last hour (ms). */
  readonly loop: LoopDocument | null
  /** Of the control plane's process (bytes). */
  readonly residentBytes: number
  /** On the disk of the platform's state or of the engine, whichever has less (bytes). */
  readonly diskFreeBytes: number | null
  readonly openRuns: number
  readonly nodes: readonly NodeVersions[]
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [labels: Labels, value: number]

/** Prometheus' text format, version 0.0.4. */
export function metricsText({ version, build, loop, residentBytes, diskFreeBytes, openRuns, nodes }: Metrics): string {
  const refused = (name: 'requests' | 'connections') =>
    nodes.flatMap(({ node, keeper }): Sample[] => (keeper?.refused ? [[{ node }, keeper.refused[name]]] : []))
  const delay: Sample[] = loop
    ? [
        [{ quantile: '0.99' }, loop.p99 / 1000],
        [{ quantile: '1' }, loop.worst / 1000],
      ]
    : []
  return [
    family('lading_info', 'gauge', 'The control plane that answers.', [[{ version, build }, 1]]),
    family(
      'lading_event_loop_delay_seconds',
      'gauge',
      'How late its event loop was in the worst minute of the last hour.',
      delay,
    ),
    family('lading_resident_memory_bytes', 'gauge', 'Memory of its process.', [[{}, residentBytes]]),
    family(
      'lading_disk_free_bytes',
      'gauge',
      'Free on the disk of the platform or of the engine, whichever has less.',
      diskFreeBytes === null ? [] : [[{}, diskFreeBytes]],
    ),
    family('lading_runs_open', 'gauge', 'Runs on their way.', [[{}, openRuns]]),
    family(
      'lading_keeper_up',
      'gauge',
      "Whether a node's keeper answers.",
      nodes.map(({ node, keeper }): Sample => [{ node }, keeper === null ? 0 : 1]),
    ),
    family(
      'lading_edge_refused_requests_total',
      'counter',
      'Answered 429 by the limit per source address, since this HAProxy began.',
      refused('requests'),
    ),
    family(
      'lading_edge_refused_connections_total',
      'counter',
      'Closed by the limit per source address, since this HAProxy began.',
      refused('connections'),
    ),
  ].join('')
}

function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return ''
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}`)
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n') + '\n'
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')
}
