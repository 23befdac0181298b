import type { Source } from '../../source.ts'
import { buildStage, nodeDockerignore } from '../node/dockerfile.ts'
import { membersOf } from '../node/members.ts'
import { nodeBase } from '../node/other-node.ts'
import { ofOthers, planOf, tells } from '../node/node.ts'
import { parsePackage, type Package } from '../node/package.ts'
import { mainFile, startScript } from '../node/start.ts'
import type { Built, Platform, Stack } from '../stack.ts'
import { notesOf } from './site.ts'
import { serverStage, startServer, timeByContent, type Kind } from './server.ts'

/** Pages that a build with Node makes: Node builds them, and the web server alone is in the image. */
export const pagesStack: Stack = {
  name: 'static',

  async detect(source) {
    const maker = await makerOf(source)
    return maker && { what: `Static pages that ${maker.name} makes`, because: maker.because }
  },

  async recipe(source, platform: Platform): Promise<Built> {
    const { name, kind, folders } = (await makerOf(source)) ?? generic
    const plan = { ...(await planOf(source, platform, { startIsSaid: true })), keeps: [] }
    const { base, node } = platform
    const builtOn = nodeBase(plan.node, platform)
    const start = startServer(kind, '/app')
    const lines = [
      ...builtOn.lines,
      ...buildStage(plan, builtOn.name),
      `RUN ${findPages(folders)}`,
      `RUN ${timeByContent}`,
      // Folders too, or the layer would hold the time of the build.
      'RUN mv /pages /site',
      '',
      ...serverStage(base, ''),
      'COPY --from=build --chown=1000:1000 /site /app',
      `CMD ${JSON.stringify(start)}`,
      '',
    ]
    return {
      method: 'built',
      stack: 'static',
      title: `Building static pages with ${name} and Node ${plan.node.version}, for nginx`,
      dockerfile: lines.join('\n'),
      dockerignore: nodeDockerignore,
      bases: [base, node].map(one => ({ name: one, instead: null })),
      notes: [...plan.warnings.map(warning => `Warning: ${warning}`), ...(await notesOf(source, 'public'))],
      start,
      tells,
    }
  },
}

interface Maker {
  /** As its users call it. */
  readonly name: string
  readonly kind: Kind
  /** Where its pages may be; the first that has an index.html is taken. */
  readonly folders: readonly string[]
  readonly because: string
}

const generic: Maker = {
  name: 'its build script',
  kind: 'pages',
  folders: ['dist', 'build', 'out', '_site', 'dist/*/browser', 'dist/*', 'public'],
  because: 'package.json has a script "build" and nothing that starts a server',
}

/** By a package that only its users have, in this order. */
const makers: readonly (readonly [packages: RegExp, Omit<Maker, 'because'>])[] = [
  [/^react-scripts$/, { name: 'Create React App', kind: 'app', folders: ['build'] }],
  [/^@angular\/cli$/, { name: 'Angular', kind: 'app', folders: ['dist/*/browser', 'dist/*', 'dist'] }],
  [/^@vue\/cli-service$/, { name: 'Vue CLI', kind: 'app', folders: ['dist'] }],
  [/^astro$/, { name: 'Astro', kind: 'pages', folders: ['dist'] }],
  [/^gatsby$/, { name: 'Gatsby', kind: 'pages', folders: ['public'] }],
  [/^@docusaurus\/core$/, { name: 'Docusaurus', kind: 'pages', folders: ['build'] }],
  [/^vitepress$/, { name: 'VitePress', kind: 'pages', folders: ['docs/.vitepress/dist', '.vitepress/dist'] }],
  [/^@11ty\/eleventy$/, { name: 'Eleventy', kind: 'pages', folders: ['_site', 'dist'] }],
  [/^hexo$/, { name: 'Hexo', kind: 'pages', folders: ['public'] }],
  [/^next$/, { name: 'Next.js', kind: 'pages', folders: ['out'] }],
  [/^@sveltejs\/adapter-static$/, { name: 'SvelteKit', kind: 'pages', folders: ['build'] }],
  [/^parcel$/, { name: 'Parcel', kind: 'app', folders: ['dist'] }],
  [/^vite$/, { name: 'Vite', kind: 'app', folders: ['dist', 'build'] }],
]

/** Packages of frameworks that render on a server, unless something says that they do not. */
const servers =
  /^(?:@sveltejs\/adapter-node|@remix-run\/(?:node|serve)|@react-router\/(?:node|serve)|@nestjs\/core|nuxt|@solidjs\/start|@tanstack\/react-start|@astrojs\/node)$/

/** What stands in `start` for a developer's own machine. */
const developing =
  /^(?:(?:npx|cross-env|[A-Z_]+=\S+) )*(?:react-scripts start|ng serve|ng s|vite|vue-cli-service serve|gatsby (?:develop|serve)|astro (?:dev|preview)|docusaurus (?:start|serve)|vitepress (?:dev|preview|serve)|eleventy .*--serve|parcel|hexo server|webpack serve|webpack-dev-server|serve|http-server|next dev)(?: |$)/

/** Null: its build makes no pages, or a server is started. */
async function makerOf({ files, procfile, yaml }: Source): Promise<Maker | null> {
  const text = await files.text('package.json')
  if (text === null || (procfile && procfile.processes.length > 0)) return null
  const pkg = parsePackage(text)
  const wanted = yaml.stack === 'static'
  if (pkg.scripts?.build === undefined && pkg.scripts?.['heroku-postbuild'] === undefined) return null
  const names = Object.keys({ ...pkg.dependencies, ...pkg.devDependencies })
  const paths = await files.paths()
  if (!wanted && ofOthers.some(path => paths.has(path))) return null
  if (!wanted && (startsServer(pkg) || mainFile(pkg, paths) !== null || names.some(name => servers.test(name))))
    return null
  if (names.includes('@sveltejs/kit') && !names.includes('@sveltejs/adapter-static')) return null
  for (const [packages, maker] of makers) {
    const name = names.find(one => packages.test(one))
    if (name === undefined) continue
    if (!(await makesPages(name, files))) return null
    const because = `package.json has ${name}, a script "build" and nothing that starts a server`
    return { ...maker, folders: [...(await saidFolder(name, files)), ...maker.folders], because }
  }
  const isOfServers = (await membersOf(pkg, files)).length > 0
  return isOfServers && !wanted ? null : generic
}

function startsServer(pkg: Package): boolean {
  const name = startScript(pkg)
  const start = name === null ? undefined : pkg.scripts?.[name]?.trim()
  return start !== undefined && !developing.test(start) && !/^(?:npm|yarn|pnpm) (?:run )?dev$/.test(start)
}

/** Of those that can do both, whether their configuration says pages. */
async function makesPages(name: string, files: Source['files']): Promise<boolean> {
  if (name === 'next') return /output\s*:\s*['"]export['"]/.test(await configOf('next.config', files))
  if (name === 'astro') return !/output\s*:\s*['"]server['"]|adapter\s*:/.test(await configOf('astro.config', files))
  return true
}

/** `build: { outDir: 'public' }` of Vite and Astro. */
async function saidFolder(name: string, files: Source['files']): Promise<readonly string[]> {
  if (name !== 'vite' && name !== 'astro') return []
  const [, folder] =
    /outDir\s*:\s*['"](?:\.\/)?([A-Za-z0-9._/-]+)['"]/.exec(await configOf(`${name}.config`, files)) ?? []
  return folder === undefined || folder.includes('..') ? [] : [folder]
}

async function configOf(name: string, files: Source['files']): Promise<string> {
  const texts = await Promise.all(['js', 'mjs', 'ts', 'cjs', 'mts'].map(ending => files.text(`${name}.${ending}`)))
  return texts.find(text => text !== null) ?? ''
}

function findPages(folders: readonly string[]): string {
  const list = [...new Set(folders)].join(' ')
  const missing = `the build made no index.html in ${[...new Set(folders)].join(', ')}`
  return `for folder in ${list}; do if [ -f "$folder/index.html" ]; then cp -a "$folder" /pages && exit; fi; done; echo "${missing}" >&2; exit 1`
}
