import type { Clock } from '../core/clock.ts'
import type { HostName } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'
import type { Edges } from '../edge/edges.ts'

const dayMs = 24 * 60 * 60 * 1000

export interface Renewal {
  readonly edges: Pick<Edges, 'state' | 'certify'>
  /** The one that is valid, or a new one when its end is near. */
  readonly certificate: (host: HostName, signal: AbortSignal) => Promise<Secret>
  readonly clock: Clock
  readonly warn: (sentence: string, error: unknown) => void
}

/**
 * Looks once a day at the certificate of every host that is routed, and gives the edges those that were made anew: an app
 * that nobody deploys must not end with its certificate. One that cannot be made does not keep the others from theirs.
 * Ends with `signal`.
 */
export async function renewCertificates(renewal: Renewal, signal: AbortSignal): Promise<void> {
  const { edges, clock, warn } = renewal
  const given = new Map<HostName, string>()
  while (!signal.aborted) {
    try {
      const { routes } = await edges.state(signal)
      for (const host of routes.flatMap(route => route.hosts)) await renew(host, given, renewal, signal)
    } catch (error) {
      if (!signal.aborted) warn('certificates were not looked at', error)
    }
    await clock.sleep(dayMs, signal).catch(() => undefined)
  }
}

async function renew(
  host: HostName,
  given: Map<HostName, string>,
  { edges, certificate, warn }: Renewal,
  signal: AbortSignal,
): Promise<void> {
  try {
    const pem = await certificate(host, signal)
    if (given.get(host) === pem.reveal()) return
    await edges.certify(host, pem, signal)
    given.set(host, pem.reveal())
  } catch (error) {
    if (!signal.aborted) warn(`the certificate of ${host} was not renewed`, error)
  }
}
