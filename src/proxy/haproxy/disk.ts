import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import { emptyModel, type EdgeModel } from '../model.ts'
import type { EdgePaths } from './files.ts'
import { mapNames, mapsOf, mapText } from './maps.ts'
import { pages } from './pages.ts'

export async function prepareFolders(paths: EdgePaths): Promise<void> {
  await mkdir(paths.certificates, { recursive: true, mode: 0o700 })
  await mkdir(paths.pages, { recursive: true })
  await mkdir(dirname(paths.owner), { recursive: true, mode: 0o755 })
  await mkdir(dirname(paths.newestRouter), { recursive: true, mode: 0o700 })
}

/** Rejects `internal` when the file is there but cannot be read: an edge must not forget by mistake. */
export async function readModel(paths: EdgePaths): Promise<EdgeModel> {
  const text = await readIfThere(paths.model)
  if (text === null) return emptyModel
  try {
    return { ...emptyModel, ...(JSON.parse(text) as EdgeModel) }
  } catch (error) {
    throw new AppError('internal', `${paths.model} is damaged`, {
      cause: error,
      hint: 'Move it aside, let the keeper start, then: docker service update --force lading-control',
    })
  }
}

export async function writeModel(paths: EdgePaths, model: EdgeModel): Promise<void> {
  await writeWhole(paths.model, `${JSON.stringify(model)}\n`)
}

/** All that HAProxy reads at its start, derived from the model. Not synced: it is written again before every start. */
export async function writeDerived(paths: EdgePaths, model: EdgeModel, config: string): Promise<void> {
  const maps = mapsOf(model)
  for (const name of mapNames) await writeFile(paths.map(name), mapText(maps[name]))
  for (const page of Object.values(pages)) await writeFile(join(paths.pages, page.file), page.text)
  const list = [paths.certificate('default'), ...model.certificates.map(host => `${paths.certificate(host)} ${host}`)]
  await writeFile(paths.certificateList, list.map(line => `${line}\n`).join(''))
  await writeFile(paths.config, config)
}
