import type { LogLine } from '../../docker/engine.ts'

/** One line of HAProxy's router ring, as config.ts formats it. */
export interface RouterEntry {
  readonly time: string
  /** `shop/production`; empty for unknown hosts. */
  readonly environment: string
  /** `backend/slot` */
  readonly slot: string
  readonly line: string
}

interface Fault {
  readonly code: string
  readonly desc: string
}

/**
 * Heroku's codes for what went wrong, from HAProxy's termination state: its first letter says who ended the session,
 * its second in which phase (HAProxy's configuration manual, 8.5).
 */
function faultOf(status: string, state: string, slot: string): Fault | null {
  const [who = '-', phase = '-'] = state
  if (who === '-') return null
  if (who === 'C' || who === 'c') return phase === '-' ? null : { code: 'H27', desc: 'Client Request Interrupted' }
  if (slot.endsWith('/<NOSRV>')) {
    if (who === 'P' && status === '429') return { code: 'H429', desc: 'Too many requests from one address' }
    return who === 'S' ? { code: 'H10', desc: 'No process answers' } : null
  }
  switch (`${who}${phase}`) {
    case 'sH':
      return { code: 'H12', desc: 'Request timeout' }
    case 'SH':
      return { code: 'H13', desc: 'Connection closed without response' }
    case 'sC':
      return { code: 'H19', desc: 'Backend connection timeout' }
    case 'SC':
      return { code: 'H21', desc: 'Backend connection refused' }
    case 'sD':
      return { code: 'H15', desc: 'Idle connection' }
    case 'SD':
      return { code: 'H18', desc: 'Server Request Interrupted' }
    default:
      return status.startsWith('5') ? { code: 'H99', desc: `Platform error (${who}${phase})` } : null
  }
}

/** Null for lines that are not of the router. */
export function parseRouterLine(text: string): RouterEntry | null {
  const fields = /^(?:<\d+>)?(\S+) (.*)$/.exec(text)
  const [
    environment,
    slot,
    status,
    state,
    bytes,
    wait,
    connect,
    response,
    total,
    from,
    tls,
    id,
    method,
    host,
    ...path
  ] = fields?.[2]?.split('\t') ?? []
  if (!fields?.[1] || path.length === 0 || environment === undefined || !slot || !status || !state) return null
  if (state === 'tls') {
    // The edge's words and the name that was asked for are not ours: they stand in quotes.
    const reason = quoted(path.join(' '))
    const line = `at=error desc="TLS handshake failed" reason=${reason} host=${quoted(host ?? '')} fwd="${from}"`
    return { time: utc(fields[1]), environment: '', slot, line }
  }
  const fault = faultOf(status, state, slot)
  const service = Number(response) < 0 ? Number(total) : Math.max(0, Number(total) - Math.max(0, Number(connect)))
  const line = [
    fault ? `at=error code=${fault.code} desc="${fault.desc}"` : 'at=info',
    `method=${method} path="${path.join(' ').replaceAll('"', '%22')}" host=${host} request_id=${id} fwd="${from}"`,
    `dyno=${slot} connect=${Math.max(0, Number(connect))}ms service=${service}ms`,
    ...(Number(wait) > 0 ? [`queue=${wait}ms`] : []),
    `status=${status} bytes=${bytes} protocol=${tls === '1' ? 'https' : 'http'}`,
  ].join(' ')
  return {
    time: utc(fields[1]),
    environment: environment === '-' ? '' : environment,
    slot,
    line,
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '%22')}"`
}

function utc(time: string): string {
  return time.replace(/([+-]00:00)$/, 'Z')
}

/** The entry as a log line, with the process's name in place of the slot when it is known. */
export function asLogLine(entry: RouterEntry, nameOf: (slot: string) => string | null): LogLine {
  const name = nameOf(entry.slot)
  const text = entry.line.replace(`dyno=${entry.slot}`, `dyno=${name ?? ''}`)
  return { time: entry.time, stream: 'stdout', text }
}
