import type { Source } from '../source.ts'
import { dockerfileStack } from './dockerfile/dockerfile.ts'
import { goStack } from './go/go.ts'
import { nodeStack } from './node/node.ts'
import { phpStack } from './php/php.ts'
import { pythonStack } from './python/python.ts'
import { nothingApplies } from './refusal.ts'
import { pagesStack } from './static/pages.ts'
import { siteStack } from './static/site.ts'
import type { Detected, Platform, Recipe, Stack } from './stack.ts'

/** In this order they are asked; the first that applies makes the image. */
export const stacks: readonly Stack[] = [
  dockerfileStack,
  pagesStack,
  nodeStack,
  goStack,
  pythonStack,
  phpStack,
  siteStack,
]

/** As lading.yaml may say them. */
export const stackNames: readonly string[] = [...new Set(stacks.map(({ name }) => name))]

export interface Choice extends Detected {
  readonly stack: Stack
}

/** The stack that lading.yaml names, else the first that applies. Rejects with what is missing. */
export async function chooseStack(source: Source, platform: Platform): Promise<Choice> {
  const { stack: wanted } = source.yaml
  for (const stack of stacks.filter(({ name }) => wanted === null || name === wanted)) {
    const detected = await stack.detect(source, platform)
    if (detected) return { stack, ...detected }
  }
  throw await nothingApplies(source)
}

/** How the commit becomes an image. */
export async function chooseRecipe(source: Source, platform: Platform): Promise<Recipe> {
  const { stack } = await chooseStack(source, platform)
  return stack.recipe(source, platform)
}

/** Stacks that would apply too, had the choice not come first. */
export async function alsoApplies(
  source: Source,
  platform: Platform,
  { stack: chosen }: Choice,
): Promise<readonly Detected[]> {
  const later = stacks.slice(stacks.indexOf(chosen) + 1).filter(({ name }) => name !== chosen.name)
  const found = await Promise.all(later.map(stack => stack.detect(source, platform)))
  return found.filter(detected => detected !== null)
}

/** The choice as a sentence. */
export function explain({ what, because }: Detected): string {
  return `${what}, because ${because}`
}
