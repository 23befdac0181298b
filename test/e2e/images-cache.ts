import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { pipeline } from 'node:stream/promises'
import type { Host } from '../rig/host.ts'
import { CACHE } from '../rig/rootfs.ts'

/**
 * The platform's images from an earlier test, so that only those whose recipe has changed are built again: their tags
 * are hashes of what they are made of. The story itself goes without, for a user's server has none.
 */
const FILE = join(CACHE, 'images.tar')
const LIST = join(CACHE, 'images.txt')

interface InstallFacts {
  readonly images: Readonly<Record<string, { readonly key: string }>>
}

/** Starts the host's engine and gives it the images. No error when there are none yet. */
export async function loadImages(host: Host): Promise<void> {
  if ((await cached()) === '') return
  await host.startEngine()
  const load = await host.spawn(['docker', 'load', '--quiet'])
  const end = once(load, 'close') as Promise<[number | null]>
  load.stdout?.resume()
  load.stderr?.resume()
  await pipeline(createReadStream(FILE), load.stdin!)
  const [code] = await end
  if (code !== 0) throw new Error(`docker load of ${FILE} exited ${code}`)
}

/** Keeps the host's platform images if they are not the ones that are kept. */
export async function saveImages(host: Host): Promise<void> {
  // Those in use, not those that the engine holds: what came from here and was replaced since would be kept for ever.
  const { images } = JSON.parse(await host.run(['cat', '/etc/lading/install.json'])) as InstallFacts
  const tags = Object.entries(images)
    .map(([name, { key }]) => `lading/${name}:${key}`)
    .sort()
  if (tags.length === 0 || (await cached()) === tags.join('\n')) return
  await mkdir(CACHE, { recursive: true })
  const part = `${FILE}.${process.pid}`
  const save = await host.spawn(['docker', 'save', ...tags])
  const end = once(save, 'close') as Promise<[number | null]>
  save.stderr?.resume()
  await pipeline(save.stdout!, createWriteStream(part))
  const [code] = await end
  if (code !== 0) throw new Error(`docker save exited ${code}`)
  await rename(part, FILE)
  await writeFile(LIST, tags.join('\n'))
}

async function cached(): Promise<string> {
  try {
    return await readFile(LIST, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
