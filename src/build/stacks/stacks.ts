import { AppError } from '../../core/errors.ts'
import type { Source } from '../source.ts'
import { dockerfileStack } from './dockerfile/dockerfile.ts'
import { nodeStack } from './node/node.ts'
import type { Detected, Platform, Recipe, Stack } from './stack.ts'

/** In this order they are asked; the first that applies makes the image. */
export const stacks: readonly Stack[] = [dockerfileStack, nodeStack]

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
  throw new AppError('build-failed', 'there is neither a Dockerfile nor a package.json in the repository', {
    hint: 'Add a Dockerfile, or a package.json for a Node app, to its root.',
  })
}

/** How the commit becomes an image. */
export async function chooseRecipe(source: Source, platform: Platform): Promise<Recipe> {
  const { stack } = await chooseStack(source, platform)
  return stack.recipe(source, platform)
}

/** The choice as a sentence. */
export function explain({ what, because }: Detected): string {
  return `${what}, because ${because}`
}
