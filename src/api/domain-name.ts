import { domainToASCII } from 'node:url'
import { getPublicSuffix } from 'tldts'
import { AppError } from '../core/errors.ts'
import { type DomainName, type EnvironmentKey, isBelow, isWildcard, parseDomainName } from '../core/names.ts'
import { ownHostOf } from './documents.ts'

/** As DNS writes it: lower case, without the last dot, other scripts in Punycode. */
export function normal(text: string): string {
  const plain = text.trim().toLowerCase().replace(/\.$/, '')
  const [star, host] = plain.startsWith('*.') ? ['*.', plain.slice(2)] : ['', plain]
  return star + (domainToASCII(host) || host)
}

export function parseNewDomain(text: string, key: EnvironmentKey, baseDomain: string): DomainName {
  const name = parseDomainName(normal(text))
  if (!name.includes('.') || /\.\d+$/.test(name)) {
    throw new AppError('invalid-input', `${name} is no domain`, { hint: 'A domain looks like shop.example.com.' })
  }
  if (isPublicSuffix(name)) {
    throw new AppError('not-allowed', `${name} belongs to everybody: people register names below it`, {
      hint: 'A domain is a registered name, or one below it.',
    })
  }
  if (!isBelow(name, baseDomain) || name === ownHostOf(key, baseDomain)) return name
  const isPlain = name.split('.').length === baseDomain.split('.').length + 1 && !isWildcard(name)
  throw new AppError('not-allowed', `names below ${baseDomain} are the platform's to give`, {
    hint: isPlain
      ? `${key.app} answers at ${ownHostOf(key, baseDomain)}; another name comes with another app.`
      : `${key.app} answers at ${ownHostOf(key, baseDomain)}; a domain of your own may be any other.`,
  })
}

/** `co.uk`, `github.io` and all below them at once: the Public Suffix List, its private part too. */
function isPublicSuffix(name: DomainName): boolean {
  const base = isWildcard(name) ? name.slice(2) : name
  return getPublicSuffix(base, { allowPrivateDomains: true }) === base
}
