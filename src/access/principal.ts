/** Who asks. Roles and people come with teams; every door turns what it is shown into one of these, or into nobody. */
export type Principal =
  /** Whoever may open the Unix socket of the control plane: root on its machine. */
  { readonly kind: 'root' } | { readonly kind: 'token'; readonly name: string }

/** How one door finds out who asks. */
export interface Access {
  /** `authorization`: the HTTP header as it came, or null. Null: nobody we know. */
  authenticate(authorization: string | null): Principal | null
}

/** As it stands in releases and runs: who did it. */
export function nameOf(principal: Principal): string {
  return principal.kind === 'root' ? 'root' : principal.name
}

/** The Unix socket: the kernel has checked already (it is 0600 and root's). */
export const rootAccess: Access = { authenticate: () => ({ kind: 'root' }) }
