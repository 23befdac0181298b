import { lookup } from 'node:dns/promises'
import { systemClock } from '../../core/system.ts'
import { readIfThere } from '../../lib/files.ts'
import { paths } from '../paths.ts'
import { certificateShown } from '../platform/certificate-shown.ts'
import { apiHost } from '../platform/hello.ts'
import type { Obstacle } from '../steps/obstacle.ts'
import type { Site } from '../steps/site.ts'

const dayMs = 24 * 3_600_000
/** The control plane renews those of the edge long before; the platform's own CA lasts ten years. */
const certificateDays = { edge: 7, authority: 90 }

/** The certificate that the edge shows for the platform's own host, checked as a client would. */
export async function checkEdge(site: Site, signal: AbortSignal): Promise<string | Obstacle[]> {
  const host = apiHost(site)
  const shown = await shownHere('127.0.0.1', host, signal)
  if (typeof shown === 'string') {
    const next = 'lading up; what its keeper says: docker logs --tail 50 NAME, by docker ps --filter name=lading-keeper'
    return [{ what: `shows no good certificate for ${host}: ${shown}`, next }]
  }
  const days = daysUntil(shown)
  if (days >= certificateDays.edge) return `https, certificate of ${host} good for ${days} days`
  return [
    {
      what: `its certificate of ${host} ends in ${days} days and was not renewed`,
      next: 'docker service logs --tail 50 lading-control says why',
    },
  ]
}

export async function checkAuthority(): Promise<string | Obstacle[]> {
  const text = await readIfThere(paths.caCertificate)
  if (text === null) return [{ what: `${paths.caCertificate} is missing`, next: 'lading up' }]
  const { X509Certificate } = await import('node:crypto')
  const days = daysUntil(new Date(new X509Certificate(text).validTo))
  if (days >= certificateDays.authority) return `the platform's own CA is good for ${days} days`
  return [
    {
      what: `the platform's own CA ends in ${days} days; its certificates are not trusted after that`,
      next: `Move ${paths.ca} away, run "lading up" and docker service update --force lading-control; give everybody the new ${paths.caCertificate}.`,
    },
  ]
}

/** Whether each address of the platform's name shows our certificate. */
export async function checkDns(site: Site, signal: AbortSignal): Promise<string | Obstacle[]> {
  const host = apiHost(site)
  if (/(^|\.)localhost$/.test(host)) return 'not needed: names below localhost stay on a machine'
  const found = await lookup(host, { all: true }).catch(() => [])
  const record = `*.${site.decisions.baseDomain}`
  if (found.length === 0)
    return [{ what: `${host} has no address`, next: `Point ${record} at this machine (an A record).` }]
  const astray: string[] = []
  for (const { address } of found) if (!((await shownHere(address, host, signal)) instanceof Date)) astray.push(address)
  const all = found.map(({ address }) => address).join(', ')
  if (astray.length === 0) return `${host} is ${all}, and leads here`
  return [
    {
      what: `${host} is ${all}, and seen from here our edge does not answer at ${astray.join(', ')}`,
      next: `Point ${record} at this machine by an A record alone, or open 80 and 443 on the way (lading up --check lists the ports).`,
    },
  ]
}

/** By the platform's own CA. */
async function shownHere(address: string, host: string, signal: AbortSignal): Promise<Date | string> {
  const ca = await readIfThere(paths.caCertificate)
  return ca === null ? `${paths.caCertificate} is missing` : certificateShown({ address, host, ca }, signal)
}

function daysUntil(date: Date): number {
  return Math.floor((date.getTime() - systemClock.now()) / dayMs)
}
