import type { Place } from '../access/roles.ts'
import { AppError, asAppError } from '../core/errors.ts'
import { parseRunId, type RunId } from '../core/names.ts'
import type { Run } from '../core/run.ts'
import type { Store } from '../store/store.ts'

/**
 * What a call is about, as its address says: the app and environment in it, or those of its run. Names are taken as the
 * router takes them; one that is no name is no one's.
 */
export async function placeOf(
  route: string,
  path: string,
  store: Pick<Store, 'findRun'>,
): Promise<Place & { readonly absent?: AppError }> {
  const parts = path.split('/')
  const named = (parameter: string) => {
    const at = route.split('/').indexOf(parameter)
    return at < 0 ? null : decoded(parts[at] ?? '')
  }
  const id = named(':run')
  if (id === null) return { app: named(':app'), environment: named(':environment') }
  const run = await findRun(id, store)
  return { app: run?.app ?? '', environment: run?.environment ?? '', absent: noRun(id) }
}

/** The same sentence for a run that is not there and for one that is not the asker's to see. */
export function noRun(id: RunId | string): AppError {
  return new AppError('not-found', `there is no run ${id.slice(0, 60)}`, { hint: '"lading runs" lists them.' })
}

async function findRun(id: string, store: Pick<Store, 'findRun'>): Promise<Run | null> {
  try {
    return await store.findRun(parseRunId(id))
  } catch (error) {
    if (asAppError(error).code === 'invalid-input') return null
    throw error
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
