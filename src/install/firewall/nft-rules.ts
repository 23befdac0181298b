import { z } from 'zod'
import { namesInterface, not, type Chain, type Condition, type Rule, type Table, type Verdict } from './packet-judge.ts'

const entry = z.looseObject({
  chain: z
    .looseObject({
      family: z.string(),
      table: z.string(),
      name: z.string(),
      hook: z.string().optional(),
      policy: z.string().optional(),
    })
    .optional(),
  rule: z
    .looseObject({ family: z.string(), table: z.string(), chain: z.string(), expr: z.array(z.unknown()) })
    .optional(),
})
const ruleset = z.object({ nftables: z.array(entry) })

/** The tables that see IPv4, from `nft -j list ruleset`, each named with its family: `inet filter`. */
export function nftTables(json: string): Table[] {
  const entries = ruleset.parse(JSON.parse(json)).nftables
  const rules = entries.flatMap(({ rule }) => (rule === undefined ? [] : [rule]))
  const tables = new Map<string, Chain[]>()
  for (const { chain } of entries) {
    if (chain === undefined || !['ip', 'inet'].includes(chain.family)) continue
    const name = `${chain.family} ${chain.table}`
    const own = rules.filter(rule => `${rule.family} ${rule.table}` === name && rule.chain === chain.name)
    tables.set(name, [
      ...(tables.get(name) ?? []),
      {
        name: chain.name,
        hook: chain.hook ?? null,
        policy: chain.policy === 'drop' ? 'drop' : 'accept',
        rules: own.flatMap(rule => rulesOf(rule.expr)),
      },
    ])
  }
  return [...tables].map(([name, chains]) => ({ name, chains }))
}

/** A verdict map is a rule for each of its entries. */
function rulesOf(expressions: readonly unknown[]): Rule[] {
  const conditions: Condition[] = []
  for (const expression of expressions) {
    const [kind = '', value] = only(expression)
    const verdict = verdictOf(kind, value)
    if (verdict !== null) return [{ conditions, verdict }]
    if (kind === 'vmap')
      return entriesOf(value).map(rule => ({ ...rule, conditions: [...conditions, ...rule.conditions] }))
    if (kind === 'match') conditions.push(matchOf(value))
    else if (!silent.includes(kind)) conditions.push(unknown)
  }
  return []
}

/** What judges nothing. */
const silent = ['counter', 'log', 'mangle', 'notrack', 'flow', 'ct helper']

const unknown: Condition = () => null

function verdictOf(kind: string, value: unknown): Verdict | null {
  if (kind === 'accept' || kind === 'drop' || kind === 'return') return { kind }
  if (kind === 'reject') return { kind: 'drop' }
  if (kind === 'jump' || kind === 'goto') return { kind, chain: z.object({ target: z.string() }).parse(value).target }
  return null
}

const map = z.object({ key: z.unknown(), data: z.object({ set: z.array(z.tuple([z.unknown(), z.unknown()])) }) })

/** Of a map that is kept under a name the entries stand elsewhere: anything may come of it. */
function entriesOf(value: unknown): Rule[] {
  const parsed = map.safeParse(value)
  if (!parsed.success) return (['accept', 'drop'] as const).map(kind => ({ conditions: [unknown], verdict: { kind } }))
  return parsed.data.data.set.flatMap(([key, data]) => {
    const verdict = verdictOf(...only(data))
    return verdict === null ? [] : [{ conditions: [comparison(parsed.data.key, key)], verdict }]
  })
}

const match = z.object({ op: z.string(), left: z.unknown(), right: z.unknown() })

function matchOf(value: unknown): Condition {
  const { op, left, right } = match.parse(value)
  if (!['==', '!=', 'in'].includes(op)) return unknown
  const condition = comparison(left, right)
  return op === '!=' ? packet => not(condition(packet)) : condition
}

/** Whether what a packet has on the left is, or is among, what stands on the right. */
function comparison(left: unknown, right: unknown): Condition {
  const values = valuesOf(right)
  if (values === null) return unknown
  const some = (is: (value: unknown) => boolean) => values.some(is)
  switch (JSON.stringify(left)) {
    case '{"meta":{"key":"iifname"}}':
    case '{"meta":{"key":"iif"}}':
      return ({ from }) => some(value => namesInterface(String(value), from))
    case '{"meta":{"key":"oifname"}}':
    case '{"meta":{"key":"oif"}}':
      return ({ to }) => to !== null && some(value => namesInterface(String(value), to))
    case '{"payload":{"protocol":"tcp","field":"dport"}}':
    case '{"payload":{"protocol":"th","field":"dport"}}':
      return ({ port }) => some(value => isPort(value, port))
    case '{"meta":{"key":"l4proto"}}':
    case '{"payload":{"protocol":"ip","field":"protocol"}}':
      return () => some(value => value === 'tcp' || value === 6)
    case '{"meta":{"key":"nfproto"}}':
      return () => some(value => value === 'ipv4')
    case '{"meta":{"key":"protocol"}}':
      return () => some(value => value === 'ip')
    case '{"ct":{"key":"state"}}':
      return () => some(value => value === 'new')
    case '{"ct":{"key":"status"}}':
      return () => false
    default:
      return isOfAnotherProtocol(left) ? () => false : unknown
  }
}

/** Such a match implies its protocol: `udp dport 53` is no TCP, `ip6 daddr …` no IPv4. */
function isOfAnotherProtocol(left: unknown): boolean {
  const [kind, value] = only(left)
  const protocol = kind === 'payload' ? z.object({ protocol: z.string() }).safeParse(value).data?.protocol : undefined
  return protocol !== undefined && !['tcp', 'th', 'ip', 'ether'].includes(protocol)
}

/** A value, or the elements of a set or list; null for what stands elsewhere (`@name`). */
function valuesOf(right: unknown): readonly unknown[] | null {
  if (Array.isArray(right)) return right as unknown[]
  if (typeof right === 'string') return right.startsWith('@') ? null : [right]
  if (typeof right === 'number') return [right]
  const [kind, value] = only(right)
  if (kind === 'set' && Array.isArray(value)) return value as unknown[]
  return kind === 'range' ? [right] : null
}

/** A port, or `{"range":[1024,65535]}`. */
function isPort(value: unknown, port: number): boolean {
  if (typeof value === 'number') return value === port
  const range = z.object({ range: z.tuple([z.number(), z.number()]) }).safeParse(value)
  return range.success && port >= range.data.range[0] && port <= range.data.range[1]
}

/** The name and value of an object of one field, as nft's expressions are; a bare word is its own name. */
function only(value: unknown): [kind: string, value: unknown] {
  if (typeof value === 'string') return [value, null]
  return Object.entries(value ?? {})[0] ?? ['', null]
}
