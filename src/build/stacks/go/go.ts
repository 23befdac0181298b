import { AppError } from '../../../core/errors.ts'
import type { ImageReference } from '../../../core/names.ts'
import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'
import { apt, aptMounts, cached, pack, plainPath, take, withoutGit } from '../generated.ts'
import type { Built, Stack } from '../stack.ts'

/** Of Debian 13; a newer one that go.mod names comes through Go's module proxy. */
const version = '1.24'
const noPrograms = 'go.mod is in the repository, but no package main at its root or in cmd/'

/** A go.mod at the root: every program of the module, on the platform's base without any toolchain. */
export const goStack: Stack = {
  name: 'go',

  async detect({ files }) {
    const module = await files.text('go.mod', glance)
    return module === null ? null : { what: `Go ${toolchainOf(module)}`, because: 'go.mod is in the repository' }
  },

  async recipe(source, { base }): Promise<Built> {
    const module = (await source.files.text('go.mod', glance)) ?? ''
    const programs = await programsOf(source, module)
    const isSaid = (source.procfile?.processes ?? []).length > 0
    const start = isSaid ? null : [chooseWeb(programs, module).name]
    const usesC = needsC.test(module)
    return {
      method: 'built',
      stack: 'go',
      title: `Building a Go ${toolchainOf(module)} app`,
      dockerfile: goDockerfile({ programs, start, usesC, base }),
      dockerignore: withoutGit,
      bases: [{ name: base, instead: null }],
      notes: [
        ...(programs.length > 1 ? [`Programs in PATH: ${programs.map(({ name }) => name).join(', ')}`] : []),
        ...(usesC ? ['With cgo, because a dependency is written in C'] : []),
      ],
      start,
      tells: ['go'],
    }
  },
}

interface Program {
  /** Of the binary. */
  readonly name: string
  /** `.` or `./cmd/server` */
  readonly path: string
}

/** Dependencies that are nothing without C. */
const needsC = /^\s*(?:require\s+)?(?:github\.com\/mattn\/go-sqlite3|github\.com\/confluentinc\/confluent-kafka-go)\b/m

/** What go.mod asks for: its toolchain, else its language version, where that is above Debian's. */
function toolchainOf(module: string): string {
  const [, toolchain] = /^toolchain go(\d+\.\d+(?:\.\d+)?)/m.exec(module) ?? []
  const [, language] = /^go (\d+\.\d+(?:\.\d+)?)/m.exec(module) ?? []
  const wanted = toolchain ?? language ?? version
  return minorOf(wanted) > minorOf(version) ? wanted : version
}

function minorOf(text: string): number {
  return Number(text.split('.')[1])
}

/** Packages `main` at the root and below `cmd`. Rejects `build-failed` when there is none. */
async function programsOf({ files }: Source, module: string): Promise<readonly Program[]> {
  const sources = [...(await files.paths())].filter(path => path.endsWith('.go') && !path.endsWith('_test.go'))
  const folders = new Map<string, string[]>()
  for (const path of sources) {
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
    if (folder === '' || folder === 'cmd' || /^cmd\/[^/]+$/.test(folder)) {
      folders.set(folder, [...(folders.get(folder) ?? []), path])
    }
  }
  const programs: Program[] = []
  for (const [folder, paths] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const texts = await Promise.all(paths.map(path => files.text(path, glance)))
    if (!texts.some(text => /^package main\b/m.test(text ?? ''))) continue
    const name = folder === '' ? nameOf(module) : folder.slice(folder.lastIndexOf('/') + 1)
    programs.push({ name, path: folder === '' ? '.' : `./${folder}` })
  }
  if (programs.length > 0) return programs
  throw new AppError('build-failed', noPrograms, {
    hint: 'A program is a package main, in the root of the repository or in cmd/NAME.',
  })
}

/** As go build names it: the last part of the module's path that is not a version. */
function nameOf(module: string): string {
  const [, path = 'app'] = /^module\s+"?([^\s"]+)/m.exec(module) ?? []
  const parts = path.split('/').filter(part => !/^v\d+$/.test(part))
  return parts.at(-1) ?? 'app'
}

/** Which of them is `web`, when no Procfile says it. */
function chooseWeb(programs: readonly Program[], module: string): Program {
  const [first] = programs
  const known = ['web', 'server', 'api', 'app', nameOf(module)]
  const root = programs.find(({ path }) => path === '.')
  const web = programs.length === 1 ? first : (root ?? programs.find(({ name }) => known.includes(name)))
  if (web) return web
  const names = programs.map(({ path }) => path.slice(2)).join(', ')
  throw new AppError('build-failed', `there are several programs (${names}), and nothing says which one is web`, {
    hint: `Write a Procfile: "web: ${first?.name ?? 'NAME'}".`,
  })
}

interface GoPlan {
  readonly programs: readonly Program[]
  readonly start: readonly string[] | null
  readonly usesC: boolean
  readonly base: ImageReference
}

/** What is not Go goes into the image too: templates, pages, migrations. */
const goOnly = ['*.go', 'go.mod', 'go.sum', 'go.work', 'go.work.sum'].map(name => `-name '${name}'`).join(' -o ')

function goDockerfile({ programs, start, usesC, base }: GoPlan): string {
  const flags = `-trimpath -ldflags '-s -w'`
  const compilers = usesC ? ['gcc', 'libc6-dev'] : []
  return [
    `FROM ${base} AS build`,
    `RUN ${aptMounts} ${apt(['golang-go', 'git', ...compilers])}`,
    'WORKDIR /app',
    `ENV GOTOOLCHAIN=auto GOFLAGS=-buildvcs=false CGO_ENABLED=${usesC ? 1 : 0}`,
    'COPY . .',
    `RUN ${cached('/root/.cache/go-build', '/root/go/pkg/mod')} go build ${flags} -o /programs/bin/ ${programs.map(({ path }) => path).join(' ')}`,
    `RUN rm -rf vendor && find . -type f \\( ${goOnly} \\) -delete && find . -mindepth 1 -type d -empty -delete`,
    pack('code', '. -C /programs bin'),
    '',
    `FROM ${base}`,
    take('code'),
    'WORKDIR /app',
    `ENV PATH=/app/bin:${plainPath}`,
    'USER 1000:1000',
    ...(start ? [`CMD ${JSON.stringify(start)}`] : []),
    '',
  ].join('\n')
}
