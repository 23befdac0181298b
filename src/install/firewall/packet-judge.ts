/** The first packet of a TCP connection, on its way into this machine or through it, from an address that no rule is made for. */
export interface Packet {
  readonly hook: 'input' | 'forward'
  readonly from: string
  /** The interface it would leave by; null: it is for this machine. */
  readonly to: string | null
  readonly port: number
}

/** Null: it depends on what is not known here (an address, a mark, a rate). */
export type Condition = (packet: Packet) => boolean | null

export type Verdict =
  { readonly kind: 'accept' | 'drop' | 'return' } | { readonly kind: 'jump' | 'goto'; readonly chain: string }

export interface Rule {
  readonly conditions: readonly Condition[]
  readonly verdict: Verdict
}

export interface Chain {
  readonly name: string
  /** Null: only other chains lead here. */
  readonly hook: string | null
  /** What becomes of a packet that no rule of a hook's chain has judged. */
  readonly policy: 'accept' | 'drop'
  readonly rules: readonly Rule[]
}

/** One table of someone's packet filter. */
export interface Table {
  /** As its owner knows it: `inet filter`, `iptables-legacy`. */
  readonly name: string
  readonly chains: readonly Chain[]
}

type Ending = 'accept' | 'drop' | 'end'

/** Deeper than any ruleset that a kernel takes; a loop in a misread one ends here. */
const deepest = 32

/**
 * The first chain that surely refuses the packet; null where each may let it pass. A rule whose conditions cannot be
 * judged may match and may not, so a refusal that hangs on one is never told.
 */
export function refusedBy(table: Table, packet: Packet): Chain | null {
  const refuses = (chain: Chain) => {
    if (chain.hook !== packet.hook) return false
    const endings = endingsOf(table, chain, packet, 0)
    return !endings.has('accept') && !(endings.has('end') && chain.policy === 'accept')
  }
  return table.chains.find(refuses) ?? null
}

function endingsOf(table: Table, chain: Chain, packet: Packet, depth: number): ReadonlySet<Ending> {
  const found = new Set<Ending>()
  for (const { conditions, verdict } of chain.rules) {
    const answers = conditions.map(condition => condition(packet))
    if (answers.includes(false)) continue
    const isSure = !answers.includes(null)
    const endings = endingsOfVerdict(table, verdict, packet, depth)
    // Back from a jump the next rule is asked; all else ends the chain.
    const goesOn = verdict.kind === 'jump' && endings.has('end')
    for (const ending of endings) if (!(verdict.kind === 'jump' && ending === 'end')) found.add(ending)
    if (isSure && !goesOn) return found
  }
  return found.add('end')
}

function endingsOfVerdict(table: Table, verdict: Verdict, packet: Packet, depth: number): ReadonlySet<Ending> {
  switch (verdict.kind) {
    case 'accept':
    case 'drop':
      return new Set([verdict.kind])
    case 'return':
      return new Set(['end'])
    case 'jump':
    case 'goto': {
      const chain = table.chains.find(({ name }) => name === verdict.chain)
      // Unknown: it may do anything.
      if (chain === undefined || depth > deepest) return new Set(['accept', 'drop', 'end'])
      return endingsOf(table, chain, packet, depth + 1)
    }
  }
}

/** Whether an interface is meant by a name that may end in a star (nft) or a plus (iptables). */
export function namesInterface(pattern: string, name: string): boolean {
  return /[*+]$/.test(pattern) ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** The opposite of an answer; what is not known stays so. */
export function not(answer: boolean | null): boolean | null {
  return answer === null ? null : !answer
}
