import { AppError } from './errors.ts'

/**
 * Names and ids as types. A string from outside becomes one of these through its parser, by allow-list, and nowhere
 * else (law: parsed-on-entry), so that no function further in needs to doubt it.
 */
declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

export type AppName = Branded<'AppName'>
export type EnvironmentName = Branded<'EnvironmentName'>
export type ProcessType = Branded<'ProcessType'>
/** Of a backing service. */
export type ServiceName = Branded<'ServiceName'>
export type RunId = Branded<'RunId'>
export type CommitId = Branded<'CommitId'>
export type BranchName = Branded<'BranchName'>
/** `sha256:` and 64 hex digits. */
export type Digest = Branded<'Digest'>
/** An image as engines and the registry know it: `127.0.0.1:5443/<repository>@sha256:…` (decision: registry-always). */
export type ImageReference = Branded<'ImageReference'>
export type ConfigKey = Branded<'ConfigKey'>
export type HostName = Branded<'HostName'>
/** `*.example.com`: every name with one label more. */
export type WildcardName = Branded<'WildcardName'>
/** What a route or a certificate may be for. */
export type DomainName = HostName | WildcardName
export type NodeName = Branded<'NodeName'>

/** How engines name the registry, on every node (decision: registry-always). */
export const registryName = '127.0.0.1:5443'

/** One environment of one app: the unit that has releases, config, formation and hosts. */
export interface EnvironmentKey {
  readonly app: AppName
  readonly environment: EnvironmentName
}

function parser<T extends string>(what: string, pattern: RegExp, rule: string) {
  return (text: string): T => {
    if (!pattern.test(text))
      throw new AppError('invalid-input', `${JSON.stringify(text.slice(0, 100))} is not a valid ${what}`, {
        hint: rule,
      })
    return text as T
  }
}

/** 30 characters, so that `lading-<app>-<environment>-…` stays within Swarm's 63 (decision: service-per-release). */
export const parseAppName = parser<AppName>(
  'app name',
  /^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,29}$/,
  'Use lower-case letters, digits and single dashes, starting with a letter, 30 characters at most.',
)
export const parseEnvironmentName = parser<EnvironmentName>(
  'environment name',
  /^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,19}$/,
  'Use lower-case letters, digits and single dashes, starting with a letter, 20 characters at most.',
)
export const parseProcessType = parser<ProcessType>(
  'process type',
  /^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,19}$/,
  'Use lower-case letters, digits and single dashes, starting with a letter, 20 characters at most.',
)
export const parseServiceName = parser<ServiceName>(
  'service name',
  /^[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,29}$/,
  'Use lower-case letters, digits and single dashes, starting with a letter, 30 characters at most.',
)
export const parseRunId = parser<RunId>('run id', /^[0-9a-z]{8,26}$/, 'Run ids are printed by "lading runs".')
export const parseCommitId = parser<CommitId>('commit id', /^[0-9a-f]{40}$/, 'A commit id is 40 hexadecimal digits.')
export const parseDigest = parser<Digest>(
  'digest',
  /^sha256:[0-9a-f]{64}$/,
  'A digest is sha256: and 64 hexadecimal digits.',
)
export const parseImageReference = parser<ImageReference>(
  'image reference',
  /^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$/,
  'Images are named by digest only.',
)
/** `127.0.0.1:5443/shop@sha256:…` is the image `sha256:…` of `shop`, in our registry. */
export function partsOfImage(image: ImageReference): { readonly repository: string; readonly digest: Digest } {
  const at = image.indexOf('@')
  return { repository: image.slice(image.indexOf('/') + 1, at), digest: parseDigest(image.slice(at + 1)) }
}

/** The allow-list of git's own `check-ref-format`, narrowed: no spaces, no control characters, no leading dash. */
export const parseBranchName = parser<BranchName>(
  'branch name',
  /^(?!.*(?:\.\.|\/\/|@\{|\.lock(?:\/|$)|\/\.))[A-Za-z0-9_][A-Za-z0-9._/@+-]{0,199}(?<![./])$/,
  'Use letters, digits and . _ / - in a branch name.',
)
/** POSIX names. `LADING_` is ours, `PORT` is set by the platform. */
export const parseConfigKey = parser<ConfigKey>(
  'config key',
  /^(?!LADING_|PORT$|__)[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  'Use letters, digits and underscores, not starting with a digit; PORT and LADING_… are set by Lading.',
)
export const parseHostName = parser<HostName>(
  'host name',
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/,
  'Use a host name such as shop.example.com, in lower case.',
)
/** A host name, or `*.` before one of two labels at least. */
export function parseDomainName(text: string): DomainName {
  const base = text.startsWith('*.') ? text.slice(2) : null
  if (base === null) return parseHostName(text)
  if (!parseHostName(base).includes('.')) {
    throw new AppError('invalid-input', `${JSON.stringify(text)} stands for too much`, {
      hint: 'A wildcard is *. before a name of your own, such as *.example.com.',
    })
  }
  return text as WildcardName
}

export function isWildcard(name: DomainName): name is WildcardName {
  return name.startsWith('*.')
}

/** Whether `name` is what `pattern` stands for: the same, or one label more than what follows its `*.` (RFC 6125, 6.4.3). */
export function covers(pattern: string, name: DomainName): boolean {
  if (pattern === name) return true
  return pattern.startsWith('*.') && !isWildcard(name) && name.slice(name.indexOf('.')) === pattern.slice(1)
}

/** Where the platform gives the names: `shop.example.com` and `*.example.com` are below `example.com`, which itself is not. */
export function isBelow(name: DomainName, baseDomain: string): boolean {
  return name.endsWith(`.${baseDomain}`)
}

export const parseNodeName = parser<NodeName>(
  'node name',
  /^[a-z0-9][a-z0-9.-]{0,62}$/,
  'A node is named by its host name.',
)

export const production = parseEnvironmentName('production')
export const web = parseProcessType('web')
