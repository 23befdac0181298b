interface Shape {
  readonly name: string
  /** Its first group is the credential. */
  readonly pattern: RegExp
  /** What the next line must look like. */
  readonly after?: RegExp
}

/** Shapes that the makers of credentials gave them so that they can be found. */
export const shapes: readonly Shape[] = [
  {
    name: 'a private key',
    pattern: /(-----BEGIN (?:RSA |EC |DSA |OPENSSH )?PRIVATE KEY-----)/,
    after: /^\s*["']?[A-Za-z0-9+/=]{40,}|^\s*$/,
  },
  { name: 'an access key of AWS', pattern: /\b((?:AKIA|ASIA)[0-9A-Z]{16})\b/ },
  { name: 'a token of GitHub', pattern: /\b(gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b/ },
  { name: 'a token of GitLab', pattern: /\b(glpat-[A-Za-z0-9_-]{20,64})/ },
  { name: 'a token of Slack', pattern: /\b(xox[abprs]-[0-9]{8,14}-[0-9A-Za-z-]{10,80})/ },
  { name: 'a live key of Stripe', pattern: /\b([sr]k_live_[0-9A-Za-z]{20,128})/ },
  { name: 'a token of npm', pattern: /\b(npm_[A-Za-z0-9]{36})\b/ },
  { name: 'an API key of Google', pattern: /\b(AIza[0-9A-Za-z_-]{35})\b/ },
  { name: 'a key of SendGrid', pattern: /\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b/ },
  {
    // A host with a dot in it: what stands at one name alone is a neighbour in a compose file.
    name: 'a password in an address',
    pattern:
      /\b[a-z][a-z0-9+]{1,20}:\/\/[^\s:/@'"<>$`{}]{1,64}:([^\s:/@'"<>$`{}]{6,128})@(?!127\.|0\.0\.)[a-z0-9-]{1,63}\.[a-z0-9.-]{2,}/i,
  },
]

const assignment =
  /\b([A-Za-z0-9_.-]{0,40}(?:secret|token|passw(?:or)?d|api_?key|private_?key|access_?key)[A-Za-z0-9_]{0,20})["']?\s{0,4}[:=]\s{0,4}["']([A-Za-z0-9+/_=.-]{20,200})["']/gi

/** Names whose quoted value is as random as a secret is. */
export function guesses(line: string): readonly string[] {
  return [...line.matchAll(assignment)].flatMap(([, name = '', value = '']) =>
    !isPlaceholder(value) && /[0-9]/.test(value) && /[A-Za-z]/.test(value) && entropy(value) >= 3.8 ? [name] : [],
  )
}

/** Written to be replaced. AWS ends the keys of its manuals in EXAMPLE. */
export function isPlaceholder(text: string): boolean {
  return /example|placeholder|change.?me|your[_-]|xxxx|0000000|1234567|abcdef|dummy|password|secret|redacted|\.\.\./i.test(
    text,
  )
}

/** Of its characters, in bits each (Shannon). */
function entropy(text: string): number {
  const counts = [...Map.groupBy(text, one => one).values()].map(all => all.length / text.length)
  return -counts.reduce((sum, share) => sum + share * Math.log2(share), 0)
}
