import type { Source } from '../../source.ts'
import { withoutGit } from '../generated.ts'
import type { Assembled, Built, Platform, Stack } from '../stack.ts'
import { readRules } from './rules.ts'
import { serverStage, startServer, timeByContent } from './server.ts'

/** Pages as they lie in the repository, at its root or in `public`: code on the web server, without a build. */
export const siteStack: Stack = {
  name: 'static',

  async detect(source) {
    const folder = await folderOf(source)
    if (folder === null) return null
    return { what: 'Static pages', because: `${folder === '' ? '' : `${folder}/`}index.html is in the repository` }
  },

  async recipe(source, { base }: Platform): Promise<Assembled> {
    const folder = (await folderOf(source)) ?? ''
    const rules = await readRules(source.files, [folder])
    const ground = serverStage(base, '', rules)
    const start = startServer('plain', `/app${folder === '' ? '' : `/${folder}`}`)
    const title = `Serving the pages ${folder === '' ? 'of the repository' : `in ${folder}/`} with nginx`
    const dockerfile = [
      `FROM ${base} AS build`,
      'COPY . /pages',
      `RUN ${timeByContent}`,
      '',
      ...ground,
      'COPY --from=build --chown=1000:1000 /pages /app',
      `CMD ${JSON.stringify(start)}`,
      '',
    ].join('\n')
    const bases = [{ name: base, instead: null }]
    const notes = rules.warnings
    const stack = 'static'
    const otherwise: Built = {
      method: 'built',
      stack,
      title,
      dockerfile,
      dockerignore: withoutGit,
      bases,
      notes,
      start,
      tells: [],
    }
    return {
      method: 'assembled',
      stack,
      title,
      bases,
      dependencies: {
        dockerfile: [...ground, ''].join('\n'),
        manifests: [],
        title: 'Getting nginx, once for this app',
        tells: [],
      },
      start,
      env: [],
      times: 'tree',
      leaveOut: null,
      otherwise,
      notes,
    }
  },
}

async function folderOf({ files }: Source): Promise<'' | 'public' | null> {
  const paths = await files.paths()
  return paths.has('index.html') ? '' : paths.has('public/index.html') ? 'public' : null
}
