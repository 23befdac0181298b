import { createHash } from 'node:crypto'
import { environmentLabels, label, type Labels } from '../../core/labels.ts'
import type { Limits } from '../../core/limits.ts'
import type { EnvironmentKey, RunId } from '../../core/names.ts'
import type { Image } from '../../core/release.ts'
import { verifyName, type PlannedStep } from '../../core/verify-plan.ts'
import type { OneOffSpec } from '../../docker/engine.ts'
import { defaults } from '../../core/defaults.ts'

/** On everything that verifying makes, so that the sweep finds it. */
export function verifyLabels(run: EnvironmentKey & { readonly id: RunId }): Labels {
  return { ...environmentLabels(run), [label.role]: 'verify', [label.run]: run.id }
}

export interface StepPlace {
  readonly run: EnvironmentKey & { readonly id: RunId }
  readonly image: Pick<Image, 'reference'>
  /** From 1. */
  readonly attempt: number
}

/** The container of one attempt of a step: its cage is docs/design/verify.md's. Pure. */
export function stepSpec(step: PlannedStep, { run, image, attempt }: StepPlace, limits: Limits): OneOffSpec {
  const name = `${verifyName(run.id)}-${hash(step.name).slice(0, 10)}-${attempt}`
  return {
    name,
    labels: verifyLabels(run),
    image: image.reference,
    command: commandOf(step, name),
    // Nothing that changes from run to run: what passed is remembered by what it was given.
    env: { CI: 'true', HOME: '/tmp', LADING_STEP: step.name, ...step.env },
    network: verifyName(run.id),
    policy: {
      memory: limits.stepMemory,
      cpus: limits.stepCpus,
      pids: limits.pids,
      tmpBytes: limits.tmpBytes,
      openFiles: limits.openFiles,
      dropCapabilities: ['ALL'],
    },
    neverRoot: true,
  }
}

/** What tells the lines of the report from those of the step. */
export function reportMark(container: string): string {
  return `lading: report of ${container}`
}

/** The command and the file are arguments of a fixed script (law: no-shell-text). */
const withReport = [
  'sh -c "$1"',
  'code=$?',
  'if [ -f "$2" ]; then printf "\\n%s\\n" "$3"; head -c "$4" "$2"; echo; fi',
  'exit $code',
].join('; ')

function commandOf({ run, reports }: PlannedStep, container: string): readonly string[] {
  if (reports === null || reports === '-') return ['sh', '-c', run]
  return ['sh', '-c', withReport, 'sh', run, reports, reportMark(container), String(defaults.reportBytes)]
}

/** What a pass is remembered by: all that could make it end otherwise. 64 hex digits. */
export function stepKey(step: PlannedStep, image: Pick<Image, 'reference'>, setup: string | null): string {
  const env = Object.entries(step.env).sort(([a], [b]) => (a < b ? -1 : 1))
  return hash(JSON.stringify([1, image.reference, step.name, step.run, env, step.reports, setup]))
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
