import { createHash, type Hash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { checkout } from '../paths.ts'

export const imageNames = ['debian', 'base', 'node', 'keeper', 'control', 'registry', 'builder'] as const
export type ImageName = (typeof imageNames)[number]

/** What one platform image is made from. */
export interface Recipe {
  readonly name: ImageName
  /** Built on this one, passed as the build argument of its name in capitals; null: bootstrapped. */
  readonly parent: ImageName | null
  /** Files and folders of the build context besides images/<name>/. */
  readonly contents: readonly { readonly from: string; readonly to: string }[]
  /** Stand in the key for contents that are large and pinned elsewhere. */
  readonly pins: readonly string[]
}

export const debianSuite = 'trixie'
export const hostCertificates = '/etc/ssl/certs/ca-certificates.crt'
/**
 * Says which image it is. Never a label that says whose it is (law: readable-from-the-cluster): every container made
 * from an image inherits the image's labels.
 */
export const imageLabel = 'lading.image'
/** On `base`: which certificates it carries. */
export const certificatesLabel = 'lading.certificates'
const nodePackage = `node-linux-${process.arch}`

/** In the order in which they are built. `nodeVersion` and `npm` are pins of the lock file and images/node/npm.json. */
export function recipes(pinned: { readonly nodeVersion: string; readonly npm: string }): Recipe[] {
  const dist = (file: string) => ({ from: join(checkout, 'dist', file), to: file })
  const sqlite = (path: string) => ({
    from: join(checkout, 'node_modules/better-sqlite3', path),
    to: `node_modules/better-sqlite3/${path}`,
  })
  const prebuilt = `prebuilds/linux-${process.arch}.node`
  return [
    { name: 'debian', parent: null, contents: [], pins: [debianSuite, process.arch, imageLabel, ...bootstrapOptions] },
    { name: 'base', parent: 'debian', contents: [{ from: hostCertificates, to: 'ca-certificates.crt' }], pins: [] },
    { name: 'node', parent: 'base', contents: [], pins: [process.arch, pinned.nodeVersion, pinned.npm] },
    { name: 'keeper', parent: 'node', contents: [dist('keeper.js')], pins: [] },
    {
      name: 'control',
      parent: 'node',
      contents: [
        dist('server.js'),
        dist('backup.js'),
        dist('follower.js'),
        dist('cli.js'),
        sqlite('package.json'),
        sqlite('lib'),
        sqlite(prebuilt),
      ],
      pins: [],
    },
    { name: 'registry', parent: 'base', contents: [], pins: [] },
    { name: 'builder', parent: 'base', contents: [], pins: [] },
  ]
}

/** mmdebstrap's, without manuals and translations; what is left out stays out in images built on it. */
export const bootstrapOptions = [
  '--variant=minbase',
  '--include=ca-certificates',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
] as const

export async function readPins(): Promise<{ nodeVersion: string; npm: string; npmPackage: string }> {
  const json = async (path: string) =>
    JSON.parse(await readFile(join(checkout, path), 'utf8')) as Record<string, string>
  const node = await json(`node_modules/${nodePackage}/package.json`)
  const npm = await json('images/node/npm.json')
  return { nodeVersion: node['version'] ?? '', npm: npm['integrity'] ?? '', npmPackage: npm['package'] ?? '' }
}

export const nodeBinary = join(checkout, 'node_modules', nodePackage, 'bin/node')

/**
 * The content key of each image: the same inputs, the same key, nothing built twice. `certificates` stands for the
 * certificates in `base` (a bundle from another machine carries that machine's).
 */
export async function imageKeys(
  list: readonly Recipe[],
  certificates: string,
): Promise<ReadonlyMap<ImageName, string>> {
  const keys = new Map<ImageName, string>()
  for (const recipe of list) {
    const hash = createHash('sha256')
    const add = (text: string) => hash.update(`${text.length}:${text}`)
    add(recipe.name)
    add(recipe.parent === null ? '' : (keys.get(recipe.parent) ?? ''))
    for (const pin of recipe.pins) add(pin)
    if (recipe.parent !== null) await addTree(hash, join(checkout, 'images', recipe.name), '')
    for (const { from, to } of recipe.contents) {
      if (from === hostCertificates) add(certificates)
      else await addTree(hash, from, to)
    }
    keys.set(recipe.name, hash.digest('hex').slice(0, 12))
  }
  return keys
}

export async function fileHash(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

/** Names, the executable bit and bytes, in the order of names. */
export async function addTree(hash: Hash, path: string, name: string): Promise<void> {
  const facts = await stat(path)
  if (facts.isDirectory()) {
    for (const entry of (await readdir(path)).sort()) await addTree(hash, join(path, entry), `${name}/${entry}`)
    return
  }
  hash.update(`${name}\0${facts.mode & 0o111 ? 'x' : '-'}\0${facts.size}\0`)
  hash.update(await readFile(path))
}

/** `lading/keeper:4f0c…` */
export function imageTag(name: ImageName, key: string): string {
  return `lading/${name}:${key}`
}

/** Of this checkout, from package.json. */
export async function platformVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as { version: string }
  return version
}
