import { z } from 'zod'
import { defaults } from '../core/defaults.ts'
import type { PlannedStep, VerifyPlan } from '../core/verify-plan.ts'
import { seconds } from './yaml-values.ts'

const command = z.string().min(1, 'write a command').max(4096, 'a command has 4096 characters at most')

const stepName = z.string().regex(/^(?!setup$)[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$/, {
  error: 'a step is named by letters, digits, ".", "_" and "-", 40 at most, and not "setup"',
})

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'write a name of letters, digits and _')
const value = z.union([z.string().max(4096), z.number(), z.boolean()], {
  error: 'write a text, a number or true or false',
})

const stepSchema = z.strictObject({
  run: command.describe('By `sh -c` in a container of the image; exit code 0 is a pass.'),
  needs: z.array(z.string()).max(32).optional().describe('Steps that have passed before this one begins.'),
  env: z.record(variable, value).optional().describe("Its environment. The app's own config is never in it."),
  timeout: seconds(7200).optional().describe('It is killed after that.'),
  allow_failure: z.boolean().optional().describe('Its failure is said, and refuses nothing.'),
  matrix: z
    .record(variable, z.array(value).min(1, 'write at least one value').max(32))
    .optional()
    .describe('Runs the step once for each combination, with these variables.'),
  retries: z
    .number()
    .int()
    .min(0)
    .max(5)
    .optional()
    .describe('Further attempts after a failure; a pass at one of them is flaky.'),
  reports: z
    .string()
    .regex(/^(?:-|(?![-/]*$)[A-Za-z0-9._/+-]{1,200})$/, 'write a path in the container, or - for TAP in the output')
    .optional()
    .describe('A file with JUnit or TAP, read into counts; `-`: TAP in the output.'),
})

type StepInput = z.infer<typeof stepSchema>

export const verifySchema = z
  .strictObject({
    setup: command.optional().describe('Runs once before the first step, in a container of its own.'),
    services: z
      .never({ error: 'services beside steps are not there yet: a step starts what it needs by itself' })
      .optional()
      .describe('Not there yet: refused.'),
    steps: z.record(stepName, z.union([command, stepSchema])).describe('A command, or a map of what follows.'),
  })
  .superRefine(({ steps }, context) => {
    const refuse = (path: readonly string[], message: string) =>
      context.addIssue({ code: 'custom', path: ['steps', ...path], message })
    if (Object.keys(steps).length === 0) refuse([], 'name at least one step')
    for (const [name, step] of Object.entries(steps)) {
      const unknown = needsOf(step).find(need => !Object.hasOwn(steps, need))
      if (unknown !== undefined) return refuse([name, 'needs'], `there is no step ${JSON.stringify(unknown)}`)
    }
    const cycle = inCycle(steps)
    if (cycle !== null) return refuse([cycle, 'needs'], 'steps need each other in a circle')
    const count = Object.values(steps).reduce((sum, step) => sum + combinations(step).length, 0)
    if (count > defaults.verifySteps)
      refuse([], `with their matrices there are more than ${defaults.verifySteps} steps`)
  })

/** `null` where nothing is declared. */
export function planOf(verify: z.infer<typeof verifySchema> | undefined): VerifyPlan | null {
  if (verify === undefined) return null
  const named = Object.entries(verify.steps).map(([name, step]) => [name, instancesOf(name, step)] as const)
  const names = new Map(named.map(([name, instances]) => [name, instances.map(one => one.name)]))
  const steps = named.flatMap(([, instances]) =>
    instances.map(one => ({ ...one, needs: one.needs.flatMap(need => names.get(need) ?? []) })),
  )
  return { setup: verify.setup ?? null, steps }
}

function instancesOf(name: string, input: string | StepInput): PlannedStep[] {
  const step: StepInput = typeof input === 'string' ? { run: input } : input
  return combinations(input).map(chosen => {
    const which = Object.entries(chosen).map(([key, one]) => `${key}=${one}`)
    return {
      name: which.length === 0 ? name : `${name} (${which.join(', ')})`,
      run: step.run,
      needs: [...new Set(step.needs ?? [])],
      env: { ...texts(step.env ?? {}), ...chosen },
      timeoutSeconds: step.timeout ?? defaults.stepSeconds,
      mayFail: step.allow_failure ?? false,
      retries: step.retries ?? 0,
      reports: step.reports ?? null,
    }
  })
}

/** Stops counting a little above the limit: 32 values of 32 variables would be more than there are atoms. */
function combinations(step: string | StepInput): readonly Readonly<Record<string, string>>[] {
  const matrix = typeof step === 'string' ? {} : (step.matrix ?? {})
  let all: Record<string, string>[] = [{}]
  for (const [key, values] of Object.entries(matrix)) {
    all = all.flatMap(chosen => values.map(one => ({ ...chosen, [key]: String(one) })))
    all = all.slice(0, defaults.verifySteps + 1)
  }
  return all
}

function texts(values: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, one]) => [key, String(one)]))
}

function needsOf(step: string | StepInput): readonly string[] {
  return typeof step === 'string' ? [] : (step.needs ?? [])
}

/** A step that can never begin because of those it needs; null: all can. */
function inCycle(steps: Readonly<Record<string, string | StepInput>>): string | null {
  const done = new Set<string>()
  for (;;) {
    const left = Object.keys(steps).filter(name => !done.has(name))
    const able = left.filter(name => needsOf(steps[name]!).every(need => done.has(need)))
    if (able.length === 0) return left[0] ?? null
    for (const name of able) done.add(name)
  }
}
