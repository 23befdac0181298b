import { copyFile, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import process from 'node:process'

/** The newest bytes of a log that are kept. */
const most = 4 * 1024 ** 2

/**
 * Before a host's disk goes, the last lines of its engine and of the platform's own containers, where the tests' runner
 * asks for them (docs/design/testing.md): `<folder>/<test file>/<host>/`. Without LADING_TEST_EVIDENCE nothing is kept.
 */
export async function keepLogs(host: string, disk: string): Promise<void> {
  const folder = process.env['LADING_TEST_EVIDENCE']
  if (folder === undefined) return
  const place = join(folder, basename(process.argv[1] ?? 'by-hand'), host)
  await mkdir(place, { recursive: true })
  await keepEnd(join(disk, 'upper/var/log/dockerd.log'), join(place, 'dockerd.log'))
  await copyFile(join(disk, 'upper/etc/lading/install.json'), join(place, 'install.json')).catch(ifMissing)
  const containers = join(disk, 'docker/containers')
  for (const id of (await readdir(containers).catch(ifMissing)) ?? []) {
    const config = await readFile(join(containers, id, 'config.v2.json'), 'utf8').catch(ifMissing)
    const name = config === undefined ? '' : (JSON.parse(config) as { readonly Name: string }).Name.slice(1)
    if (!name.startsWith('lading-')) continue
    await keepEnd(join(containers, id, `${id}-json.log`), join(place, `${name}-${id.slice(0, 6)}.log`))
  }
}

async function keepEnd(from: string, to: string): Promise<void> {
  const file = await open(from).catch(ifMissing)
  if (file === undefined) return
  try {
    const { size } = await file.stat()
    const length = Math.min(size, most)
    const { buffer } = await file.read({ buffer: Buffer.alloc(length), length, position: size - length })
    await writeFile(to, buffer)
  } finally {
    await file.close()
  }
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
