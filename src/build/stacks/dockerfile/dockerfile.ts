import { defaults } from '../../../core/defaults.ts'
import { AppError } from '../../../core/errors.ts'
import type { ImageReference } from '../../../core/names.ts'
import { type Files, whole } from '../../files.ts'
import type { Source } from '../../source.ts'
import { chooseBases } from '../bases.ts'
import type { Built, Platform, Stack } from '../stack.ts'
import { readDockerfile } from './read-dockerfile.ts'

/** The repository's own Dockerfile: whoever wrote one has said how the image is made. */
export const dockerfileStack: Stack = {
  name: 'dockerfile',

  async detect({ yaml, files }) {
    const path = pathOf(yaml)
    if ((await textOf(files, path)) !== null) return { what: `Docker's ${path}`, because: 'it is in the repository' }
    if (yaml.dockerfile === null && yaml.stack !== 'dockerfile') return null
    throw new AppError('invalid-input', `lading.yaml asks for a Dockerfile, but there is no file ${path}`)
  },

  async recipe({ app, yaml, files }: Source, { policy }: Platform): Promise<Built> {
    const path = pathOf(yaml)
    const { context, args } = yaml.build
    await requireFolder(context, files)
    const { images, text } = readDockerfile((await textOf(files, path)) ?? '', { args })
    const bases = await chooseBases(images, policy, app)
    return {
      method: 'built',
      stack: 'dockerfile',
      title: `Building with ${path}`,
      dockerfile: text,
      dockerignore: await dockerignoreOf(files, path, context),
      bases,
      docker: yaml.build,
      notes: bases
        .filter(base => base.instead !== null)
        .map(base => `${base.name} is ${nameOf(base.instead!)} of this platform: no public registry answers`),
      start: null,
      tells: null,
    }
  },
}

function textOf(files: Files, path: string): Promise<string | null> {
  return files.text(path, whole(defaults.dockerfileBytes))
}

/** As Docker takes it: the Dockerfile's own before the context's. The builder gets the text whose size was looked at here. */
async function dockerignoreOf(files: Files, path: string, context: string | null): Promise<string | null> {
  const bound = whole(defaults.dockerignoreBytes)
  const ofContext = context === null ? '.dockerignore' : `${context}/.dockerignore`
  return (await files.text(`${path}.dockerignore`, bound)) ?? files.text(ofContext, bound)
}

/** A link of this name would lead the build out of the repository: only a folder has files below it. */
async function requireFolder(context: string | null, files: Files): Promise<void> {
  if (context === null || [...(await files.paths())].some(path => path.startsWith(`${context}/`))) return
  throw new AppError('invalid-input', `lading.yaml asks for the context ${context}, but there is no such folder`, {
    hint: 'It is a path from the root of the repository; links are not followed.',
  })
}

function pathOf(yaml: Source['yaml']): string {
  return yaml.dockerfile ?? 'Dockerfile'
}

function nameOf(reference: ImageReference): string {
  return reference.replace(/^[^/]*\//, '').replace(/@.*/, '')
}
