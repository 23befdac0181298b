import { join } from 'node:path'
import type { TrialDeps } from '../../backup/trial.ts'
import { checkRepository, fetchBundle } from '../../commit/git/bundle.ts'
import { gitProgram } from '../../commit/git/program.ts'
import { GitRepositories } from '../../commit/git/repositories.ts'
import { checkSqliteFile, openSqliteStore } from '../../store/sqlite.ts'
import { checkout } from '../paths.ts'

/** A backup is tried with this machine's own git, and the SQLite of this checkout. */
export function trialDeps(say: (line: string) => void, signal: AbortSignal): TrialDeps {
  return {
    checkStore: checkSqliteFile,
    openStore: (path, dataKey) => openSqliteStore({ path, dataKey }),
    restoreRepository: async (root, app, bundle) => {
      const program = gitProgram({ root, hooks: join(checkout, 'images/control/hooks') })
      await new GitRepositories(program).create(app, signal)
      await fetchBundle(program, app, bundle, signal)
      await checkRepository(program, app, signal)
    },
    say,
  }
}
