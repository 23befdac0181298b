import { AppError } from '../../../core/errors.ts'
import { glance } from '../../files.ts'
import type { Source } from '../../source.ts'
import type { Gemfile } from './gemfile.ts'

/** Where Sinatra's classic apps are. */
const classic = ['app.rb', 'main.rb', 'server.rb', 'web.rb'] as const

/** What starts an app that does not say it. Rejects `build-failed` when nothing does. */
export async function startOf({ files }: Source, { has }: Gemfile, isRails: boolean): Promise<readonly string[]> {
  const paths = await files.paths()
  const shell = (command: string) => ['/bin/sh', '-c', command]
  if (has('puma') && (isRails || paths.has('config.ru'))) {
    const own = ['config/puma.rb', 'puma.rb'].find(path => paths.has(path))
    // Puma finds config/puma.rb itself; a --port of ours would be one more listener to those that it opens.
    const [, binds] = /^\s*(port|bind)\b/m.exec((own && (await files.text(own, glance))) ?? '') ?? []
    return shell(binds ? 'bundle exec puma' : 'bundle exec puma --bind tcp://0.0.0.0:$PORT')
  }
  if (isRails) return shell('bundle exec rails server --binding 0.0.0.0 --port $PORT')
  if (paths.has('config.ru')) return shell('bundle exec rackup --host 0.0.0.0 --port $PORT')
  const main = classic.find(path => paths.has(path))
  if (main && has('sinatra')) return shell(`bundle exec ruby ${main} -o 0.0.0.0 -p $PORT`)
  throw new AppError('build-failed', 'nothing says how to start this Ruby app', {
    hint: 'Add a config.ru and the gem puma, or a Procfile, such as "web: bundle exec ruby server.rb".',
  })
}
