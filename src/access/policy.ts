import { AppError } from '../core/errors.ts'
import type { Principal } from './principal.ts'

/** `anyone`: also nobody. `member`: whoever has a token, and root. `root`: only the server's own. */
type Requirement = 'anyone' | 'member' | 'root'

/**
 * The one table of who may do what, for every door (law: one-policy-table). What does not stand here is denied;
 * `api.policy.test.ts` walks all routes and fails for one without a line, and for a line without a route.
 */
export const policy: Readonly<Record<string, Requirement>> = {
  'GET /v1/healthz': 'anyone',
  'GET /v1/info': 'member',
  'GET /v1/version': 'member',
  'POST /v1/clean': 'member',
  'GET /v1/limits': 'member',
  'PATCH /v1/limits': 'member',
  'GET /v1/backups': 'member',
  'GET /v1/backups/kept': 'root',
  'POST /v1/backups': 'root',
  'PATCH /v1/backups/schedule': 'root',
  'POST /v1/backups/file': 'root',
  'POST /v1/backups/verify': 'root',
  'GET /v1/apps': 'member',
  'POST /v1/apps': 'member',
  'GET /v1/apps/:app': 'member',
  'DELETE /v1/apps/:app': 'member',
  'GET /v1/apps/:app/environments/:environment/releases': 'member',
  'GET /v1/apps/:app/environments/:environment/releases/:number': 'member',
  'POST /v1/apps/:app/environments/:environment/deploy': 'member',
  'POST /v1/apps/:app/environments/:environment/rollback': 'member',
  'POST /v1/apps/:app/environments/:environment/scale': 'member',
  'GET /v1/apps/:app/environments/:environment/config': 'member',
  'PATCH /v1/apps/:app/environments/:environment/config': 'member',
  'GET /v1/apps/:app/environments/:environment/processes': 'member',
  'GET /v1/apps/:app/environments/:environment/logs': 'member',
  'GET /v1/apps/:app/environments/:environment/runs': 'member',
  'GET /v1/apps/:app/environments/:environment/eject': 'member',
  'GET /v1/apps/:app/environments/:environment/releases/:number/image': 'member',
  'GET /v1/apps/:app/repository': 'member',
  'GET /v1/domains': 'member',
  'GET /v1/certificates': 'member',
  'POST /v1/certificates': 'member',
  'DELETE /v1/certificates/:certificate': 'member',
  'GET /v1/acme': 'member',
  'PUT /v1/acme': 'member',
  'DELETE /v1/acme': 'member',
  'GET /v1/apps/:app/environments/:environment/domains': 'member',
  'POST /v1/apps/:app/environments/:environment/domains': 'member',
  'DELETE /v1/apps/:app/environments/:environment/domains/:domain': 'member',
  'GET /v1/runs/:run': 'member',
  'GET /v1/runs/:run/events': 'member',
  'POST /v1/runs/:run/cancel': 'member',
  'git upload-pack': 'member',
  'git receive-pack': 'member',
}

/** Rejects `not-authenticated` for nobody and `not-allowed` for somebody who may not, or when no line allows it. */
export function authorize(action: string, principal: Principal | null): void {
  const requirement = Object.hasOwn(policy, action) ? policy[action] : undefined
  if (requirement === 'anyone') return
  if (principal === null) {
    throw new AppError('not-authenticated', 'a token is needed, and none that is known was given', {
      hint: 'Run "lading login URL"; the owner\'s token is in /etc/lading/token on the server.',
    })
  }
  if (requirement === 'root' && principal.kind !== 'root') {
    throw new AppError('not-allowed', 'only root on the server may do this', { hint: 'Run the command there.' })
  }
  if (requirement === undefined) throw new AppError('not-allowed', `nothing allows ${action}`)
}
