import { isIP } from 'node:net'
import type { AppName, EnvironmentName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { Grant } from './roles.ts'

/** What someone showed to be known; `id` is what `lading tokens` and `lading keys` list, never the secret itself. */
export type Credential =
  | { readonly kind: 'token'; readonly id: string }
  | { readonly kind: 'ssh-key'; readonly fingerprint: string }
  | { readonly kind: 'session'; readonly id: string }

/** What a client shows at a listener, taken out of whatever carried it there: a header, a socket's owner, later a key exchange. */
export type PresentedCredential =
  | { readonly kind: 'token'; readonly token: Secret }
  /** It came through the Unix socket that only root may open: the kernel has checked. */
  | { readonly kind: 'socket' }

/** Who asks, at every listener: the API, git over HTTPS, streams. Each turns what it is shown into one of these, or into no one. */
export type Principal = Root | Member | Robot

/** Whoever may open the Unix socket of the control plane: root on its machine. */
export interface Root {
  readonly kind: 'root'
  readonly name: 'root'
}

/** A person. */
export interface Member {
  readonly kind: 'member'
  readonly name: string
  /** As they were when he was let in; a change of them ends what he has open. */
  readonly grants: readonly Grant[]
  readonly credential: Credential
}

/** A program with a deploy token: it knows one environment of one app. */
export interface Robot {
  readonly kind: 'robot'
  /** `robot/ci`: no member has such a name. */
  readonly name: string
  readonly app: AppName
  readonly environment: EnvironmentName
  readonly credential: Credential
}

/** How one listener finds out who asks. */
export interface Access {
  /** Null: it shows nothing, or nothing we know. `from`: the address that `addressOf` gave, for those who slow guesses by it. */
  authenticate(presented: PresentedCredential | null, from?: string): Principal | null
  /** Aborted in the moment in which what the principal showed, or what it allows, is taken back. */
  revoked(principal: Principal): AbortSignal
  /** What the principal showed has come to its end by itself. */
  isExpired(principal: Principal): boolean
  /** From where; `forwardedFor`: what the edge set of that name, or null. */
  addressOf(forwardedFor: string | null): string
}

/** As it stands in releases and runs: who did it. */
export function nameOf(principal: Principal): string {
  return principal.name
}

const never = new AbortController().signal

/** For credentials that no one takes back while this process lives. */
export const lasting = { revoked: () => never, isExpired: () => false, addressOf }

/** The Unix socket of the control plane (0600, root's). */
export const rootAccess: Access = {
  authenticate: presented => (presented?.kind === 'socket' ? { kind: 'root', name: 'root' } : null),
  ...lasting,
  addressOf: () => 'server',
}

/** The edge sets one address, whatever came (src/proxy/haproxy/identity.ts); anything else is not its word. */
export function addressOf(forwardedFor: string | null): string {
  return forwardedFor !== null && isIP(forwardedFor) !== 0 ? forwardedFor : 'unknown'
}
