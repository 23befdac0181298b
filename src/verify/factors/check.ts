import { credentials } from './credentials.ts'
import { dependencies } from './dependencies.ts'
import type { FactorVerdict, Tree } from './factor.ts'

/** What the files alone tell of the twelve factors; the others need a trial run, which is not there yet. */
export async function checkFactors(tree: Tree): Promise<readonly FactorVerdict[]> {
  return Promise.all([dependencies(tree), credentials(tree)])
}

/** As people read it. */
export function factorLines({ factor, name, state, evidence, mend }: FactorVerdict): readonly string[] {
  return [
    `${factor.padEnd(4)} ${name.padEnd(13)} ${state}`,
    ...evidence.map(line => `       ${line}`),
    ...(mend === null ? [] : [`       → ${mend}`]),
  ]
}
