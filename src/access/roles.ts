import { AppError } from '../core/errors.ts'
import type { AppName } from '../core/names.ts'
import type { Principal } from './principal.ts'

/** What each role is for, in the words that the CLI shows. The policy table says which calls that is. */
export const roleDescriptions = {
  owner: 'everything, and who may do what',
  operator: 'the platform: nodes, limits, backups, certificates; no config values, code or logs of processes',
  developer: 'an app: push, deploy, config, logs, domains, deploy tokens; nothing of the platform',
  viewer: 'an app: its state, releases and logs; changes nothing and sees no config values',
} as const

export type Role = keyof typeof roleDescriptions

/** One role, on one app or (null) on the whole platform. */
export interface Grant {
  readonly role: Role
  readonly app: AppName | null
}

/** These are about the platform and cannot be given on one app. */
const ofPlatformOnly: readonly Role[] = ['owner', 'operator']

/** Rejects `invalid-input` with the roles there are. */
export function parseRole(text: string): Role {
  if (Object.hasOwn(roleDescriptions, text)) return text as Role
  throw new AppError('invalid-input', `${JSON.stringify(text.slice(0, 40))} is not a role`, {
    hint: `Roles are ${Object.keys(roleDescriptions).join(', ')}.`,
  })
}

/** Rejects `invalid-input` for a role that is not given on an app. */
export function assertGrant({ role, app }: Grant): void {
  if (app === null || !ofPlatformOnly.includes(role)) return
  throw new AppError('invalid-input', `${role} is a role on the whole platform, not on one app`, {
    hint: 'Leave the app away, or give developer or viewer.',
  })
}

/** Where a call is about: an app, one environment of it, or (all null) the platform. */
export interface Place {
  readonly app: string | null
  /** Null: the whole app. */
  readonly environment: string | null
}

export const platformWide: Place = { app: null, environment: null }

/** What the principal is at this place: those of the platform hold on every app. Root needs none. */
export function rolesAt(principal: Principal, { app, environment }: Place): readonly (Role | 'robot')[] {
  switch (principal.kind) {
    case 'root':
      return ['owner']
    case 'member':
      return principal.grants.filter(grant => grant.app === null || grant.app === app).map(grant => grant.role)
    case 'robot':
      return principal.app === app && (environment === null || principal.environment === environment) ? ['robot'] : []
  }
}

/** To whom an app is not there at all, it is in no list and no sentence. */
export function sees(principal: Principal, app: string): boolean {
  return rolesAt(principal, { app, environment: null }).length > 0
}

/** Owners and operators: what the platform stands on is theirs to see. */
export function operates(principal: Principal): boolean {
  return rolesAt(principal, platformWide).some(role => role === 'owner' || role === 'operator')
}
