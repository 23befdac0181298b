import { shortened } from '../../../core/bounds.ts'
import { AppError } from '../../../core/errors.ts'
import { glance, type Files } from '../../files.ts'

/** Of Debian 13, kept up to date there for its browsers (`rustc-web`). */
export const version = '1.96'

/** So many packages of a workspace are looked at. */
const mostPackages = 64

export interface Program {
  /** Of the binary. */
  readonly name: string
}

/** What the manifests of a repository say. */
export interface Cargo {
  readonly locked: boolean
  readonly programs: readonly Program[]
  /** Of the root package, where it says one. */
  readonly defaultRun: string | null
  /** Whether a crate is among those that are locked, or named at the root. */
  readonly has: (crate: string) => boolean
}

/** Null: there is no Cargo.toml. Rejects `build-failed` for a Rust that cannot be had. */
export async function readCargo(files: Files): Promise<Cargo | null> {
  const root = await files.text('Cargo.toml', glance)
  if (root === null) return null
  requireVersion('Cargo.toml', /^rust-version\s*=\s*"([^"]+)"/m.exec(root)?.[1])
  for (const file of ['rust-toolchain.toml', 'rust-toolchain']) {
    const text = await files.text(file, glance)
    requireVersion(file, (/^channel\s*=\s*"([^"]+)"/m.exec(text ?? '') ?? /^\s*([\w.-]+)\s*$/.exec(text ?? ''))?.[1])
  }
  const lock = await files.text('Cargo.lock', glance)
  const names = new Set([
    ...[...(lock ?? '').matchAll(/^name = "([\w-]+)"$/gm)].map(([, name = '']) => name),
    ...[...root.matchAll(/^([\w-]+)\s*=/gm)].map(([, name = '']) => name),
  ])
  const paths = await files.paths()
  const folders = [...paths]
    .filter(path => path === 'Cargo.toml' || /^(?:[\w.-]+\/){1,2}Cargo\.toml$/.test(path))
    .sort()
    .slice(0, mostPackages)
    .map(path => path.slice(0, -'Cargo.toml'.length))
  const isWorkspace = /^\[workspace\]/m.test(root)
  const programs = await Promise.all(
    folders
      .filter(folder => folder === '' || isWorkspace)
      .map(async folder => programsOf(folder, (await files.text(`${folder}Cargo.toml`, glance)) ?? '', paths)),
  )
  return {
    locked: lock !== null,
    programs: programs.flat(),
    defaultRun: /^default-run\s*=\s*"([\w-]+)"/m.exec(root)?.[1] ?? null,
    has: crate => names.has(crate),
  }
}

/** As Cargo finds them: `src/main.rs`, `src/bin/`, and `[[bin]]`, which names one in another place. */
function programsOf(folder: string, manifest: string, paths: ReadonlySet<string>): readonly Program[] {
  const [, name] = /^\[package\][^[]*?^name\s*=\s*"([\w-]+)"/ms.exec(manifest) ?? []
  if (name === undefined) return []
  const said = [...manifest.matchAll(/^\[\[bin\]\][^[]*/gm)].map(([section]) => ({
    name: /^name\s*=\s*"([\w-]+)"/m.exec(section)?.[1],
    path: /^path\s*=\s*"([^"]+)"/m.exec(section)?.[1],
  }))
  const isSaid = (path: string) => said.some(bin => bin.path === path)
  const found = [...paths].flatMap(path => {
    if (!path.startsWith(folder)) return []
    return /^src\/bin\/([\w-]+)(?:\.rs|\/main\.rs)$/.exec(path.slice(folder.length))?.[1] ?? []
  })
  const main = paths.has(`${folder}src/main.rs`) && !isSaid('src/main.rs') ? [name] : []
  const names = [...main, ...said.flatMap(bin => bin.name ?? []), ...found.filter(bin => !isSaid(`src/bin/${bin}.rs`))]
  return [...new Set(names)].map(one => ({ name: one }))
}

function requireVersion(file: string, wanted: string | undefined): void {
  if (wanted === undefined || wanted.startsWith('stable')) return
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(wanted) ?? []
  const [, most = ''] = /\.(\d+)/.exec(version) ?? []
  if (major === '1' && Number(minor) <= Number(most)) return
  throw new AppError(
    'build-failed',
    `${file} asks for Rust ${shortened(wanted, 60)}; there is ${version}, of Debian 13`,
    {
      hint: `Ask for "stable" or up to ${version}, or add a Dockerfile with the one you need.`,
    },
  )
}
