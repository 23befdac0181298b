import { attachedIn } from '../core/attached.ts'
import { AppError } from '../core/errors.ts'
import { count, type Release } from '../core/release.ts'
import type { Run } from '../core/run.ts'
import type { Parts } from '../release/make-release.ts'
import { releaseOf, type BuiltCommit } from './built-commit.ts'
import type { Deps } from './deps.ts'

type RollbackIntent = Extract<Run['intent'], { kind: 'rollback' }>

/** The parts of the release: the new image with the present config and formation, or those of an old release again. */
export async function releaseInputs(
  run: Run,
  built: BuiltCommit | null,
  deps: Deps,
  signal: AbortSignal,
): Promise<Parts> {
  const { intent } = run
  switch (intent.kind) {
    case 'commit':
      return partsOfCommit(run, built, deps)
    case 'rollback':
      return partsOfRollback(run, intent, deps, signal)
    case 'restore':
      return { ...partsOf(await releaseOf(run, intent.to, deps)), ...built, description: `Restore v${intent.to}` }
    case 'config':
      return { ...partsOf(await serving(run, deps)), config: intent.config, description: intent.summary }
    case 'scale':
      return partsOfScaling(await serving(run, deps), intent.formation)
  }
}

async function partsOfCommit(run: Run, built: BuiltCommit | null, { store }: Deps): Promise<Parts> {
  if (!built) throw new AppError('internal', 'a commit came to its release without an image')
  const serving = await store.servingRelease(run)
  const { version } = await store.readConfig(run, 0)
  const description = `Deploy ${built.commit.slice(0, 7)}`
  return { ...built, config: version, formation: serving?.formation ?? {}, description }
}

async function partsOfRollback(run: Run, intent: RollbackIntent, deps: Deps, signal: AbortSignal): Promise<Parts> {
  const to = await releaseOf(run, intent.to, deps)
  if (!intent.automatic) {
    await requireImage(to, deps, signal)
    await requireAttached(to, deps)
  }
  return { ...partsOf(to), description: `${intent.automatic ? 'Automatic rollback' : 'Rollback'} to v${intent.to}` }
}

function partsOfScaling(from: Release, formation: Release['formation']): Parts {
  return { ...partsOf(from), formation: scaled(from, formation), description: `Scale ${formationText(formation)}` }
}

/** Of old releases the image goes after a while (imagesToKeep); its commit can be built again. */
async function requireImage(
  { image, number, commit }: Release,
  { builder, limits }: Deps,
  signal: AbortSignal,
): Promise<void> {
  // A registry that is away does not stop a rollback: the node may have the image itself.
  const isThere = await builder.has(image.reference, signal).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'unavailable') return true
    throw error
  })
  if (isThere) return
  const again = commit === null ? 'Push it again.' : `Build it again: lading deploy ${commit.slice(0, 7)}`
  throw new AppError('conflict', `the image of v${number} is not kept any more`, {
    hint: `The last ${limits().imagesKept} images that were live are. ${again}`,
  })
}

async function serving(run: Run, { store }: Deps): Promise<Release> {
  const release = await store.servingRelease(run)
  if (!release) throw new AppError('conflict', `${run.app} has no release yet`, { hint: 'Push a commit first.' })
  return release
}

function partsOf(release: Release): Parts {
  const { image, verdict, commit, author, config, formation } = release
  return { image, verdict, commit, author, config, formation, description: '' }
}

/** Its config has credentials of its time, and those of a service that was detached since are revoked. */
async function requireAttached(to: Release, { store }: Deps): Promise<void> {
  const { values } = await store.readConfig(to, to.config)
  const wanted = new Set((await store.listAttachments()).filter(one => one.wanted).map(({ user }) => user))
  const gone = attachedIn(values).find(({ user }) => !wanted.has(user))
  if (gone === undefined) return
  const again = to.commit === null ? 'push' : `lading deploy ${to.commit.slice(0, 7)}`
  throw new AppError('conflict', `v${to.number} is attached to ${gone.object}, and its credentials are revoked`, {
    hint: `Attach a service again ("lading services attach"), then take its code: ${again}`,
  })
}

function scaled(release: Release, formation: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const known = release.image.processes.map(process => process.type as string)
  const unknown = Object.keys(formation).find(type => !known.includes(type))
  if (unknown !== undefined) {
    throw new AppError('invalid-input', `there is no process type ${unknown}`, {
      hint: `This release has: ${known.join(', ')}.`,
    })
  }
  return { ...Object.fromEntries(known.map(type => [type, count(release, type)])), ...formation }
}

function formationText(formation: Readonly<Record<string, number>>): string {
  return Object.entries(formation)
    .map(([type, wanted]) => `${type}=${wanted}`)
    .join(' ')
}
