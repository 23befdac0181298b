import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { appStamp, asLayer, writeTar } from './code-tar.ts'
import { digestOf } from './registry/registry.ts'
import { readTar } from '../core/tar.ts'

/** Chunks of odd sizes, as a pipe gives them. */
async function* chunked(bytes: Uint8Array, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

/** A repository with every kind of entry, and what else `more` puts into its folder, as an archive. */
function archive(more: (folder: string) => void = () => undefined): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'lading-tar-'))
  const git = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      cwd: folder,
      maxBuffer: 1 << 24,
    })
    assert.equal(status, 0, stderr.toString())
    return stdout
  }
  try {
    git('init', '-q')
    const deep = join(folder, 'd'.repeat(90), 'e'.repeat(90), 'f'.repeat(90))
    mkdirSync(deep, { recursive: true })
    writeFileSync(join(deep, 'file'), 'deep')
    writeFileSync(join(folder, 'server.js'), 'x'.repeat(1300))
    writeFileSync(join(folder, 'empty'), '')
    writeFileSync(join(folder, 'größe'), 'ü')
    writeFileSync(join(folder, 'run.sh'), '#!/bin/sh\n')
    chmodSync(join(folder, 'run.sh'), 0o755)
    symlinkSync(`${'t'.repeat(120)}/x`, join(folder, 'link'))
    more(folder)
    git('add', '.')
    git('commit', '-qm', 'all')
    return git('archive', '--format=tar', 'HEAD')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('every kind of entry of a git archive comes through, and GNU tar reads what we write', async () => {
  const written = await collect(
    writeTar({
      commit: { archive: chunked(archive()), folder: 'app' },
      stamp: appStamp,
      leaveOut: path => path === 'empty',
    }),
  )
  const listed = spawnSync('tar', ['-tv', '--numeric-owner', '--full-time', '--quoting-style=literal'], {
    input: written,
  })
  assert.equal(listed.stderr.toString(), '')
  const deep = `app/${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}`
  const lines = listed.stdout.toString().trimEnd().split('\n')
  const facts = lines.map(line => line.replace(/ +/g, ' ').replace(/^(\S+) (\S+) (\d+) \S+ \S+ /, '$1 $2 $3 '))
  assert.deepEqual(facts.filter(line => !/d{90}\/$|e{90}\/$/.test(line)).sort(), [
    `-rw-r--r-- 1000/1000 1300 app/server.js`,
    `-rw-r--r-- 1000/1000 2 app/größe`,
    `-rw-r--r-- 1000/1000 4 ${deep}/file`,
    `-rwxr-xr-x 1000/1000 10 app/run.sh`,
    `drwxr-xr-x 1000/1000 0 app/`,
    `drwxr-xr-x 1000/1000 0 ${deep}/`,
    `lrwxrwxrwx 1000/1000 0 app/link -> ${'t'.repeat(120)}/x`,
  ])
  assert.ok(lines.every(line => line.includes('1970-01-01')))
})

test('names that are not UTF-8 keep their bytes, short and long ones and targets of links', async () => {
  const short = Buffer.from('caf\xe9', 'latin1')
  const long = Buffer.from(`${'x'.repeat(120)}\xff`, 'latin1')
  const tar = archive(folder => {
    for (const name of [short, long]) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), 'x')
    symlinkSync(long, join(folder, 'to-long'))
  })
  const written = await collect(writeTar({ commit: { archive: chunked(tar), folder: 'app' }, stamp: appStamp }))
  const { stdout } = spawnSync('tar', ['-tv', '--quoting-style=literal'], {
    input: written,
  })
  const lines = stdout.toString('latin1').split('\n')
  for (const end of [short.toString('latin1'), `app/${long.toString('latin1')}`, `-> ${long.toString('latin1')}`])
    assert.ok(
      lines.some(line => line.endsWith(end)),
      JSON.stringify(lines),
    )
})

test('the same content gives the same layer, whatever the chunks, and its two digests are right', async () => {
  const tar = archive()
  const layers = [700, 100_000].map(size =>
    asLayer(writeTar({ commit: { archive: chunked(tar, size), folder: 'app' }, stamp: appStamp })),
  )
  const [first, second] = await Promise.all(layers.map(layer => collect(layer.chunks)))
  assert.ok(first!.equals(second!))
  assert.equal(layers[0]!.diffId(), digestOf(gunzipSync(first!)))
})

test('files of ours stand before the commit', async () => {
  const files = new Map([['build/Dockerfile', Buffer.from('FROM a\n')]])
  const tar = await collect(writeTar({ files, stamp: appStamp }))
  const found: string[] = []
  for await (const entry of readTar(chunked(tar))) found.push(`${entry.path} ${(await collect(entry.body)).toString()}`)
  assert.deepEqual(found, ['build/Dockerfile FROM a\n'])
})

test('an archive that is cut off, changed or leads out of its root is refused', async () => {
  const tar = archive()
  const read = async (bytes: Uint8Array) => {
    for await (const entry of readTar(chunked(bytes))) await collect(entry.body)
  }
  await assert.rejects(read(tar.subarray(0, 3000)), /no proper end/)
  const changed = Buffer.from(tar)
  changed.write('9', 1024)
  await assert.rejects(read(changed), /wrong checksum|extended header/)
  const evil = await collect(writeTar({ files: new Map([['../x', Buffer.from('')]]), stamp: appStamp }))
  await assert.rejects(read(evil), /the path "\.\.\/x"/)
})

test('a name that marks a deleted file in an image is refused by that name, at any depth', async () => {
  for (const path of ['a/.wh.b', 'deep/.wh..wh..opq', '.wh.folder']) {
    const commit = {
      archive: chunked(
        archive(folder => {
          mkdirSync(join(folder, path), { recursive: true })
          writeFileSync(join(folder, path, 'file'), '')
        }),
      ),
      folder: 'app',
    }
    await assert.rejects(collect(writeTar({ commit, stamp: appStamp })), {
      code: 'invalid-input',
      message: new RegExp(`the repository has "${path.replaceAll('.', '\\.')}": no image can hold`),
    })
  }
})
