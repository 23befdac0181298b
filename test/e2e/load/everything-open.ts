import { eventually } from '../../rig/eventually.ts'
import type { Load } from '../load.ts'
import type { Stream } from './options.ts'

const websockets = 10
/**
 * No promise about time: on a machine that is busy with other things an upload of 5 s has taken 15, and none was lost. How
 * long requests take is measured by the bench.
 */
const timeoutMs = 90_000

/** All that visitors of the fixture `busy` may have open when something moves under them: short requests, and longer ones. */
export function everythingOpen(host: string, perSecond = 200): readonly Stream[] {
  const to = { host, path: '/', timeoutMs }
  return [
    { kind: 'requests', name: 'keep-alive', rate: perSecond * 0.75, keepAlive: true, expect: 'v', ...to },
    { kind: 'requests', name: 'close', rate: perSecond * 0.25, keepAlive: false, expect: 'v', ...to },
    { kind: 'requests', name: '20 s', rate: 1, keepAlive: false, ...to, path: '/?ms=20000' },
    { kind: 'uploads', name: 'uploads', rate: 1, bytes: 1_000_000, overMs: 5000, ...to },
    { kind: 'websockets', name: 'websockets', count: websockets, ...to },
  ]
}

/** Resolves when the WebSockets of such a load are open, all of them. */
export async function allHeld(load: Load): Promise<void> {
  await eventually('all WebSockets are open', async () =>
    (await load.report()).streams.some(({ held }) => held === websockets),
  )
}
