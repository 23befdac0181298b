import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import {
  ifMissing,
  isMissing,
  isSystemError,
  isThere,
  listenPrivately,
  pointLink,
  readIfThere,
  writeWhole,
} from './files.ts'

void suite('files', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lading-files-'))))
  after(() => rm(folder, { recursive: true }))

  test('what is written can be read, and nothing is left beside it', async () => {
    const path = join(folder, 'new', 'token')
    assert.equal(await readIfThere(path), null)
    assert.equal(await isThere(path), false)
    await writeWhole(path, 'one\n')
    await writeWhole(path, 'two\n', 0o600)
    assert.equal(await readIfThere(path), 'two\n')
    assert.equal(await isThere(path), true)
    assert.deepEqual(await readdir(join(folder, 'new')), ['token'])
  })

  test('a file that a crash left beside it gives away neither its text nor its mode', async () => {
    const path = join(folder, 'key')
    await writeFile(`${path}.next`, 'half of something long', { mode: 0o644 })
    await writeWhole(path, 'secret', 0o600)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal(await readFile(path, 'utf8'), 'secret')
  })

  test('a link leads to its new target, also where a crash has left the one beside it', async () => {
    const path = join(folder, 'link')
    await pointLink(path, 'one')
    await pointLink(`${path}.next`, 'left')
    await pointLink(path, 'two')
    assert.equal(await readlink(path), 'two')
    assert.equal(await isThere(`${path}.next`), false)
  })

  test('a server that closes leaves the socket of its successor alone, which only its user may open', async () => {
    const path = join(folder, 'socket')
    const [first, second] = [createServer(), createServer()]
    await listenPrivately(first, path)
    await listenPrivately(second, path)
    await once(first.close(), 'close')
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    second.close()
  })

  test('only what is missing is missing', async () => {
    await writeFile(join(folder, 'file'), '')
    await assert.rejects(readIfThere(folder), error => isSystemError(error, 'EISDIR') && !isMissing(error))
    await assert.rejects(isThere(join(folder, 'file', 'below')), error => isSystemError(error, 'EACCES', 'ENOTDIR'))
    assert.equal(await readFile(join(folder, 'none'), 'utf8').catch(ifMissing('')), '')
    await assert.rejects(readFile(folder, 'utf8').catch(ifMissing('')))
  })
})
