import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { emptyModel } from '../model.ts'
import { readModel, writeModel } from './disk.ts'
import { edgePaths } from './files.ts'

void suite('what an edge was told, on the disk', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lading-disk-'))))
  after(() => rm(folder, { recursive: true }))

  test('is read as it was written', async () => {
    const paths = edgePaths(folder, folder)
    assert.deepEqual(await readModel(paths), emptyModel)
    await writeModel(paths, { ...emptyModel, term: 7 })
    assert.equal((await readModel(paths)).term, 7)
  })

  test('is not forgotten when it is damaged: the way back is told', async () => {
    const paths = edgePaths(folder, folder)
    await writeFile(paths.model, '{"term":')
    await assert.rejects(readModel(paths), {
      code: 'internal',
      message: `${paths.model} is damaged`,
      hint: 'Move it aside, let the keeper start, then: docker service update --force lading-control',
    })
  })
})
