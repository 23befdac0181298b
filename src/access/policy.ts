import { AppError } from '../core/errors.ts'
import type { Principal } from './principal.ts'
import { platformWide, rolesAt, type Place, type Role } from './roles.ts'

/**
 * `anyone`: also no one. `known`: whoever showed something we know. `member`: every person, and root. `root`: only the
 * server's own. A list: who has one of these roles at the place that the call is about; `robot`: a deploy token there.
 */
type Requirement = 'anyone' | 'known' | 'member' | 'root' | readonly (Role | 'robot')[]

const owners = ['owner'] as const
const operators = ['owner', 'operator'] as const
const developers = ['owner', 'developer'] as const
const deployers = ['owner', 'developer', 'robot'] as const
const readers = ['owner', 'developer', 'viewer'] as const
const keepers = ['owner', 'operator', 'developer'] as const
const watchers = ['owner', 'operator', 'developer', 'viewer'] as const
const followers = [...watchers, 'robot'] as const

/**
 * The one table of who may do what, for every listener (law: one-policy-table). What does not stand here is denied;
 * `api.policy.test.ts` walks all routes and fails for one without a line, and for a line without a route.
 */
export const policy: Readonly<Record<string, Requirement>> = {
  'GET /v1/healthz': 'anyone',
  'GET /v1/info': 'known',
  'GET /v1/openapi.json': 'known',
  // Of nodes it tells operators only.
  'GET /v1/version': 'member',
  'GET /v1/metrics': operators,
  'POST /v1/clean': operators,
  'GET /v1/limits': 'member',
  'PATCH /v1/limits': operators,
  'GET /v1/backups': operators,
  'GET /v1/backups/kept': 'root',
  'POST /v1/backups': 'root',
  'PATCH /v1/backups/schedule': 'root',
  'POST /v1/backups/file': 'root',
  'POST /v1/backups/verify': 'root',
  // A list holds what the asker sees.
  'GET /v1/apps': 'member',
  'POST /v1/apps': developers,
  'GET /v1/apps/:app': watchers,
  'DELETE /v1/apps/:app': owners,
  'GET /v1/apps/:app/environments/:environment/releases': followers,
  'GET /v1/apps/:app/environments/:environment/releases/:number': followers,
  'POST /v1/apps/:app/environments/:environment/deploy': deployers,
  'POST /v1/apps/:app/environments/:environment/rollback': developers,
  'POST /v1/apps/:app/environments/:environment/scale': developers,
  'GET /v1/apps/:app/environments/:environment/config': developers,
  'PATCH /v1/apps/:app/environments/:environment/config': developers,
  'GET /v1/apps/:app/environments/:environment/processes': watchers,
  'GET /v1/apps/:app/environments/:environment/logs': readers,
  'GET /v1/apps/:app/environments/:environment/runs': followers,
  'GET /v1/apps/:app/environments/:environment/eject': developers,
  'GET /v1/apps/:app/environments/:environment/releases/:number/image': developers,
  'GET /v1/apps/:app/repository': developers,
  'GET /v1/domains': 'member',
  'GET /v1/certificates': operators,
  'POST /v1/certificates': operators,
  'DELETE /v1/certificates/:certificate': operators,
  'GET /v1/acme': operators,
  'PUT /v1/acme': operators,
  'DELETE /v1/acme': operators,
  'GET /v1/apps/:app/environments/:environment/domains': watchers,
  'POST /v1/apps/:app/environments/:environment/domains': developers,
  'DELETE /v1/apps/:app/environments/:environment/domains/:domain': developers,
  // A list holds what the asker sees: all by a role on the platform, else what his apps are attached to.
  'GET /v1/services': 'member',
  'GET /v1/services/:service': 'member',
  // Of no app: these take a role on the platform.
  'POST /v1/services': developers,
  'DELETE /v1/services/:service': owners,
  'GET /v1/service-backups': keepers,
  'POST /v1/services/:service/backups': keepers,
  // The handler looks at the service too: its data are other apps'.
  'POST /v1/apps/:app/environments/:environment/services': developers,
  'DELETE /v1/apps/:app/environments/:environment/services/:service': developers,
  'GET /v1/runs/:run': followers,
  'GET /v1/runs/:run/events': followers,
  'POST /v1/runs/:run/cancel': deployers,
  // Of tokens the lists below say who; the calls look at the row and the body (src/api/routes/tokens.ts).
  'GET /v1/tokens': 'member',
  'POST /v1/tokens': 'member',
  'DELETE /v1/tokens/:token': 'member',
  'token of a robot': developers,
  'token of another member': owners,
  'GET /v1/members': owners,
  'PUT /v1/members/:member': owners,
  'DELETE /v1/members/:member': owners,
  'GET /v1/audit': operators,
  'git upload-pack': developers,
  'git receive-pack': deployers,
}

/** Whether the table lets the principal do it there. */
export function may(action: string, principal: Principal, place: Place): boolean {
  const requirement = Object.hasOwn(policy, action) ? policy[action] : undefined
  if (requirement === undefined) return false
  if (requirement === 'anyone' || requirement === 'known' || principal.kind === 'root') return true
  if (requirement === 'root') return false
  if (requirement === 'member') return principal.kind === 'member'
  return rolesAt(principal, place).some(role => requirement.includes(role))
}

/**
 * Rejects `not-authenticated` for no one, `not-allowed` for someone who may not, or when no line allows it; and for an app
 * that the principal does not see what there would be without the app: `absent`, else `not-found`.
 */
export function authorize(
  action: string,
  principal: Principal | null,
  place: Place & { readonly absent?: AppError } = platformWide,
): void {
  const requirement = Object.hasOwn(policy, action) ? policy[action] : undefined
  if (requirement === 'anyone') return
  if (principal === null) {
    throw new AppError('not-authenticated', 'a token is needed, and none that is known was given', {
      hint: 'Run "lading login URL"; the owner\'s token is in /etc/lading/token on the server.',
    })
  }
  if (may(action, principal, place)) return
  if (requirement === undefined) throw new AppError('not-allowed', `nothing allows ${action}`)
  if (requirement === 'root') {
    throw new AppError('not-allowed', 'only root on the server may do this', { hint: 'Run the command there.' })
  }
  if (place.app !== null && rolesAt(principal, place).length === 0) throw place.absent ?? noApp(place.app)
  throw new AppError('not-allowed', `${principal.name} may not do this${place.app ? ` on ${place.app}` : ''}`, {
    hint: `It takes ${typeof requirement === 'string' ? 'a member' : requirement.join(' or ')}: an owner gives roles with "lading members add".`,
  })
}

/** The same sentence for an app that is not there and for one that is not the asker's to see. */
export function noApp(app: string): AppError {
  return new AppError('not-found', `there is no app ${app.slice(0, 60)}`, { hint: '"lading apps" lists them.' })
}
