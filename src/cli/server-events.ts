import { linesOf } from '../lib/async/lines.ts'

export interface ServerEvent {
  readonly id: string | null
  readonly event: string
  readonly data: string
}

/** Server-sent events, as much of the format as our API speaks. */
export async function* eventsOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent, void, undefined> {
  let fields = new Map<string, string>()
  for await (const line of linesOf(stream)) {
    const [, name, value = ''] = /^(\w*): ?(.*)$/.exec(line) ?? []
    if (name) fields.set(name, value)
    if (line !== '') continue
    const data = fields.get('data')
    if (data !== undefined) yield { id: fields.get('id') ?? null, event: fields.get('event') ?? 'message', data }
    fields = new Map()
  }
}
