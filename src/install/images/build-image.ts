import { constants } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { environment } from '../config.ts'
import { aptProxy, mirrorOf, readSources, sourceLines } from '../host/mirror.ts'
import { hasAddress } from '../host/network.ts'
import { checkout, paths } from '../paths.ts'
import {
  bootstrapOptions,
  certificatesLabel,
  debianSuite,
  fileHash,
  hostCertificates,
  imageLabel,
  imageTag,
  nodeBinary,
  readPins,
  type ImageName,
  type Recipe,
} from './recipes.ts'
import { runProgram } from '../host/run-program.ts'

export interface BuildJob {
  readonly recipe: Recipe
  readonly keys: ReadonlyMap<ImageName, string>
  /** Null: the one this machine's apt uses. */
  readonly mirror: string | null
  /** `http_proxy` and its kin; none where nothing leads out but the way that is there. */
  readonly proxy: Readonly<Record<string, string>>
  readonly say: (line: string) => void
}

/** Makes one platform image on the user's engine; its tag appears only when it is whole. */
export async function buildImage(job: BuildJob, signal: AbortSignal): Promise<void> {
  await using folder = await stagingFolder()
  if (job.recipe.parent === null) await bootstrap(job, folder.path, signal)
  else await dockerBuild(job, folder.path, signal)
}

/** Debian from the mirror, imported as an image: no registry is asked (decision: no-docker-hub). */
async function bootstrap(
  { recipe, keys, mirror, proxy, say }: BuildJob,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const file = join(folder, 'debian.tar')
  const sources = sourceLines(mirror ?? mirrorOf(await readSources()))
  const env = { ...(await aptsOwn(signal)), ...proxy }
  await runProgram('mmdebstrap', [...bootstrapOptions, debianSuite, file, ...sources], { say, env }, signal)
  const change = `LABEL ${imageLabel}=${recipe.name}`
  await runProgram('docker', ['import', '--change', change, file, tagOf(recipe.name, keys)], { say }, signal)
}

/** The classic builder, which every engine has: 20.10 and Debian's 26.1 come without BuildKit's client. */
async function dockerBuild(job: BuildJob, folder: string, signal: AbortSignal): Promise<void> {
  const { recipe, keys, say } = job
  const parent = recipe.parent as ImageName
  const copying = { recursive: true, mode: constants.COPYFILE_FICLONE }
  await cp(join(checkout, 'images', recipe.name), folder, copying)
  for (const { from, to } of recipe.contents) await cp(from, join(folder, to), { ...copying, dereference: true })
  if (recipe.name === 'node') await stageNode(folder, job, signal)
  const args = ['build', '--force-rm', '--label', `${imageLabel}=${recipe.name}`, '--tag', tagOf(recipe.name, keys)]
  args.push('--build-arg', `${parent.toUpperCase()}=${tagOf(parent, keys)}`)
  if (recipe.name === 'base') args.push('--label', `${certificatesLabel}=${await fileHash(hostCertificates)}`)
  const proxy = { ...(await aptsOwn(signal)), ...job.proxy }
  // By name only, for a proxy's address may hold a password. Docker keeps these out of the image's history.
  for (const name of Object.keys(proxy)) args.push('--build-arg', name)
  // Containers reach nothing on their node (decision: nodes-closed-to-containers), and their loopback is another.
  const addresses = Object.entries(proxy).filter(([name]) => !/^no_proxy$/i.test(name))
  if (addresses.some(([, address]) => isOnThisMachine(address))) args.push('--network', 'host')
  await runProgram('docker', [...args, folder], { say, env: { DOCKER_BUILDKIT: '0', ...proxy } }, signal)
}

/** What apt alone goes through here, mostly a cache of packages: for packages only. */
async function aptsOwn(signal: AbortSignal): Promise<Record<string, string>> {
  const proxy = await aptProxy(signal)
  return proxy === null ? {} : { http_proxy: proxy }
}

/** Whether a proxy's address, `http://127.0.0.1:3128` or `localhost:3128`, is one of this machine. */
export function isOnThisMachine(proxy: string): boolean {
  const url = URL.parse(proxy.includes('://') ? proxy : `http://${proxy}`)
  const host = (url?.hostname ?? '').replace(/^\[|\]$/g, '')
  return host === 'localhost' || host.startsWith('127.') || hasAddress(host)
}

/** Node's binary from the lock file's package; npm from its registry, by checksum. */
async function stageNode(folder: string, { proxy, say }: BuildJob, signal: AbortSignal): Promise<void> {
  await cp(nodeBinary, join(folder, 'node'), { mode: constants.COPYFILE_FICLONE })
  const { npm: integrity, npmPackage } = await readPins()
  // A Node that is not Debian's knows a company's CA by this variable only.
  const env = { NODE_EXTRA_CA_CERTS: environment['NODE_EXTRA_CA_CERTS'] || hostCertificates, ...proxy }
  await runProgram('npm', ['pack', npmPackage, '--pack-destination', folder], { say, cwd: folder, env }, signal)
  const archive = (await readdir(folder)).find(name => name.endsWith('.tgz')) ?? ''
  const found = `sha512-${createHash('sha512')
    .update(await readFile(join(folder, archive)))
    .digest('base64')}`
  if (found !== integrity) {
    throw new AppError('internal', `${npmPackage} is not what images/node/npm.json expects: ${found}`)
  }
  await mkdir(join(folder, 'npm'))
  const unpack = [
    '-x',
    '-z',
    '-f',
    join(folder, archive),
    '-C',
    join(folder, 'npm'),
    '--strip-components=1',
    '--no-same-owner',
  ]
  await runProgram('tar', unpack, { say }, signal)
  await rm(join(folder, archive))
}

function tagOf(name: ImageName, keys: ReadonlyMap<ImageName, string>): string {
  return imageTag(name, keys.get(name) ?? '')
}

/** On the disk that holds the images anyway; what a killed run left is removed by the next. */
async function stagingFolder(): Promise<AsyncDisposable & { path: string }> {
  const parent = join(paths.state, 'staging')
  await rm(parent, { recursive: true, force: true })
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const path = await mkdtemp(join(parent, 'image-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
