import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { AppError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import type { CertificateRow } from '../store/store.ts'

export type CertificateFacts = Pick<CertificateRow, 'id' | 'names' | 'issuer' | 'notBefore' | 'notAfter'>

export interface Checked {
  readonly facts: CertificateFacts
  /** The chain in its order, the server's own first, then the key: as HAProxy reads it. */
  readonly pem: Secret
}

/** Clocks differ by so much (ms). */
const skewMs = 5 * 60_000
const leastRsaBits = 2048

/**
 * A certificate with its chain, and its key, as someone gives them. Rejects `invalid-input` with what is wrong: a visitor's
 * browser would say less. The order of the chain is fixed.
 */
export function checkGiven(given: { readonly chain: string; readonly key: string }, now: number): Checked {
  const key = keyOf(given.key)
  const chain = chainFor(key, certificatesOf(given.chain))
  const [leaf] = chain
  const facts = factsOf(leaf)
  if (leaf.ca) throw wrong('this is the certificate of a CA, not that of a server')
  if (facts.names.length === 0) throw wrong('the certificate names no host (no DNS name in its subjectAltName)')
  if (facts.notAfter <= now) throw wrong(`the certificate ended on ${day(facts.notAfter)}`, 'Get a new one.')
  if (facts.notBefore > now + skewMs) throw wrong(`the certificate begins on ${day(facts.notBefore)} only`)
  const pem = chain.map(one => one.toString().trim()).join('\n')
  return { facts, pem: new Secret(`${pem}\n${String(key.export({ type: 'pkcs8', format: 'pem' }))}`) }
}

export function factsOf(leaf: X509Certificate): CertificateFacts {
  const alternatives = leaf.subjectAltName?.split(', ') ?? []
  return {
    id: leaf.fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase(),
    names: alternatives.flatMap(name => (name.startsWith('DNS:') ? [name.slice('DNS:'.length).toLowerCase()] : [])),
    issuer: nameIn(leaf.issuer),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  }
}

/** The certificates of a PEM text, in its order; none when it holds none. */
export function certificatesOf(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block)
    } catch (cause) {
      throw wrong(`certificate ${at + 1} of ${blocks.length} cannot be read`, undefined, cause)
    }
  })
}

function keyOf(text: string): KeyObject {
  if (text.includes('ENCRYPTED')) {
    throw wrong('the key is encrypted', 'Give it without its passphrase: openssl pkey -in KEY -out PLAIN')
  }
  let key: KeyObject
  try {
    key = createPrivateKey(text)
  } catch (cause) {
    throw wrong('the key cannot be read', 'It is a PEM file that begins with -----BEGIN PRIVATE KEY-----.', cause)
  }
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < leastRsaBits)
    throw wrong(`the key has ${bits} bits, and ${leastRsaBits} are the least`)
  return key
}

/** From the key's own certificate on, each issued by the next. */
function chainFor(key: KeyObject, certificates: readonly X509Certificate[]): [X509Certificate, ...X509Certificate[]] {
  if (certificates.length === 0) throw wrong('there is no certificate in the chain', 'It is a PEM file.')
  const leaf = certificates.find(one => one.checkPrivateKey(key))
  if (!leaf)
    throw wrong('the key belongs to none of the certificates', 'Give the key that the certificate was asked with.')
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf]
  let last = leaf
  for (;;) {
    const issuer = isSelfSigned(last)
      ? undefined
      : certificates.find(one => !chain.includes(one) && hasIssued(one, last))
    if (!issuer) break
    chain.push((last = issuer))
  }
  const strangers = certificates.filter(one => !chain.some(other => other.fingerprint256 === one.fingerprint256))
  if (strangers[0]) throw wrong(`${nameIn(strangers[0].subject)} does not belong to the chain of this certificate`)
  if (chain.length === 1 && !isSelfSigned(leaf) && !isByKnownRoot(leaf)) {
    throw wrong(
      `the chain stops at its first certificate: ${nameIn(leaf.issuer)}, who issued it, is missing`,
      chainHint,
    )
  }
  return chain
}

const chainHint = 'Give the whole chain (often fullchain.pem); of a private CA, the CA itself too.'

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return hasIssued(certificate, certificate)
}

function isByKnownRoot(leaf: X509Certificate): boolean {
  return rootCertificates.some(root => hasIssued(new X509Certificate(root), leaf))
}

/** The common name, else the organization, of `CN=R11\nO=Let's Encrypt\nC=US`. */
function nameIn(distinguished: string): string {
  const parts = new Map(distinguished.split('\n').map(line => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]))
  const [common, organization] = [parts.get('CN'), parts.get('O')]
  if (common === undefined) return organization ?? 'an issuer without a name'
  return organization === undefined || common.includes(organization) ? common : `${organization} ${common}`
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

function wrong(message: string, hint?: string, cause?: unknown): AppError {
  return new AppError('invalid-input', message, { ...(hint !== undefined && { hint }), cause })
}
