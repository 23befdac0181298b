import { Resolver } from 'node:dns/promises'

/** What DNS says in a name's TXT records, each put together from its parts; none where there are none, or no answer. */
export async function readTxt(record: string, signal: AbortSignal): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: 3_000, tries: 2 })
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return (await resolver.resolveTxt(record)).map(parts => parts.join(''))
  } catch {
    return []
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
