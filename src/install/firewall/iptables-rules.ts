import { namesInterface, not, type Chain, type Condition, type Rule, type Table, type Verdict } from './packet-judge.ts'

/** Its filter table from what iptables-save prints (nft or legacy); null when it has none. */
export function iptablesTable(name: string, saved: string): Table | null {
  const body = /^\*filter\n(.*?)^COMMIT$/ms.exec(saved)?.[1]
  if (body === undefined) return null
  const lines = body.split('\n')
  const rules = lines.flatMap(line => {
    const [dash, chain = '', ...words] = wordsOf(line)
    const rule = dash === '-A' ? ruleOf(words) : null
    return rule === null ? [] : [{ chain, rule }]
  })
  const chains = lines.flatMap((line): Chain[] => {
    const [, chain = '', policy = ''] = /^:(\S+) (\S+)/.exec(line) ?? []
    if (chain === '') return []
    return [
      {
        name: chain,
        hook: policy === '-' ? null : chain.toLowerCase(),
        policy: policy === 'DROP' ? 'drop' : 'accept',
        rules: rules.filter(each => each.chain === chain).map(each => each.rule),
      },
    ]
  })
  return { name, chains }
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

/** Null for a rule that only counts, logs or marks. */
function ruleOf(words: readonly string[]): Rule | null {
  const at = words.findIndex(word => word === '-j' || word === '-g')
  const verdict = at === -1 ? null : verdictOf(words[at]!, words[at + 1] ?? '')
  return verdict === null ? null : { conditions: conditionsOf(words.slice(0, at)), verdict }
}

/** Targets of the kernel's own that judge nothing: the packet goes on to the next rule. */
const silentTargets =
  /^(AUDIT|CLASSIFY|CONNMARK|CONNSECMARK|CT|DSCP|HL|HMARK|LED|LOG|MARK|NFLOG|NOTRACK|SECMARK|SET|TCPMSS|TCPOPTSTRIP|TEE|TOS|TRACE|TTL|ULOG)$/

function verdictOf(option: string, target: string): Verdict | null {
  if (target === 'ACCEPT') return { kind: 'accept' }
  if (target === 'DROP' || target === 'REJECT') return { kind: 'drop' }
  if (target === 'RETURN') return { kind: 'return' }
  if (silentTargets.test(target)) return null
  return { kind: option === '-g' ? 'goto' : 'jump', chain: target }
}

/** Each option with its arguments, up to the next one. */
function conditionsOf(words: readonly string[]): Condition[] {
  const conditions: Condition[] = []
  for (let at = 0; at < words.length;) {
    const isNegated = words[at] === '!'
    if (isNegated) at++
    const option = words[at++] ?? ''
    const start = at
    while (at < words.length && words[at] !== '!' && !words[at]!.startsWith('-')) at++
    const condition = conditionOf(option, words.slice(start, at).join(' '))
    if (condition !== null) conditions.push(isNegated ? packet => not(condition(packet)) : condition)
  }
  return conditions
}

/** Null for what asks nothing: the name of a match, a comment. */
function conditionOf(option: string, value: string): Condition | null {
  const list = value.split(',')
  switch (option) {
    case '-m':
    case '--comment':
      return null
    case '-i':
      return ({ from }) => namesInterface(value, from)
    case '-o':
      return ({ to }) => to !== null && namesInterface(value, to)
    case '-p':
      return () => value === 'tcp' || value === 'all'
    case '--dport':
    case '--dports':
      return ({ port }) => list.some(each => isInRange(each, port))
    case '--ctstate':
    case '--state':
      return () => list.includes('NEW')
    case '--dst-type':
      return ({ hook }) => (list.includes('LOCAL') ? hook === 'input' : list.includes('UNICAST') ? null : false)
    default:
      return () => null
  }
}

/** `443`, or `1024:65535`. */
function isInRange(text: string, port: number): boolean {
  const [first = '', last = first] = text.split(':')
  return port >= Number(first || 0) && port <= Number(last || 65535)
}
