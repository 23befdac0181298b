import { proxyOf, proxyVariables, type Proxy } from '../../core/proxy.ts'
import { environment } from '../config.ts'
import type { Decisions } from '../steps/decisions.ts'

/** The proxy from here on: what was asked for, else the environment's, else what was decided before. */
export function proxyFor(wanted: string | null, before: Proxy | null): Proxy | null {
  if (wanted === 'none') return null
  const found = proxyOf(environment)
  if (wanted === null) return found ?? before
  return { http: wanted, https: wanted, except: found?.except ?? before?.except ?? [] }
}

/** As variables of builds and of the control plane. What is on this node, or is the platform's own, is reached without it. */
export function proxyForBuilds({ proxy, clusterAddress, baseDomain }: Decisions): Record<string, string> {
  if (proxy === null) return {}
  const own = ['localhost', '127.0.0.1', '::1', '.localhost', clusterAddress, baseDomain, `.${baseDomain}`]
  return proxyVariables({ ...proxy, except: [...new Set([...own, ...proxy.except])] })
}
