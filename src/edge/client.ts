import type { Clock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import type { EnvironmentKey, NodeName } from '../core/names.ts'
import { systemClock } from '../core/system.ts'
import type { LogLine } from '../docker/engine.ts'
import type { Edges, EdgeState, EnvironmentView } from './edges.ts'
import { retry } from '../lib/async/retry.ts'
import { callKeeper, openStream, readItems, silenceMs, type KeeperCall } from './keeper-http.ts'
import { mergeStates, mergeViews, type KeeperReport } from './merge.ts'
import { Wakeup } from '../lib/async/wakeup.ts'

export interface KeeperEdgesOptions {
  readonly sockets: readonly KeeperSocket[]
  /** The lease's term, asked at each call (law: one-control-plane-writes). */
  readonly term: () => number
  readonly clock?: Clock
}

export interface KeeperSocket {
  readonly node: NodeName
  readonly path: string
}

/** A keeper that is replaced or restarted is away for less than a second; calls are idempotent and wait so long (ms). */
const patienceMs = 10_000
const pauseMs = 100

type Asked = Pick<KeeperCall, 'method' | 'path' | 'body'>

/** The port `Edges` over the API of every node's keeper. */
export function keeperEdges(options: KeeperEdgesOptions): Edges {
  const { sockets, term, clock = systemClock } = options

  const call = (socket: KeeperSocket, rest: Asked, signal: AbortSignal) =>
    patiently(clock, signal, () => callKeeper({ socketPath: socket.path, term: term(), clock, ...rest }, signal))

  const change = async (rest: Asked, signal: AbortSignal) => {
    await Promise.all(sockets.map(socket => call(socket, rest, signal)))
  }

  return {
    allocate: (lane, signal) => change({ method: 'PUT', path: '/edge/lanes', body: JSON.stringify(lane) }, signal),
    release: ({ app, environment, release }, signal) =>
      change({ method: 'DELETE', path: `/edge/lanes/${app}/${environment}/${release}` }, signal),
    route: (route, signal) => change({ method: 'PUT', path: '/edge/routes', body: JSON.stringify(route) }, signal),
    unroute: ({ app, environment }, signal) =>
      change({ method: 'DELETE', path: `/edge/routes/${app}/${environment}` }, signal),
    certify: (host, pem, signal) =>
      change({ method: 'PUT', path: `/edge/certificates/${host}`, body: pem.reveal() }, signal),
    onlyHttps: (host, isOn, signal) => change({ method: isOn ? 'PUT' : 'DELETE', path: `/edge/https/${host}` }, signal),
    uncertify: (host, signal) => change({ method: 'DELETE', path: `/edge/certificates/${host}` }, signal),
    limitSources: (limits, signal) =>
      change({ method: 'PUT', path: '/edge/source-limits', body: JSON.stringify(limits) }, signal),
    challenge: (token, answer, signal) => {
      const path = `/edge/challenges/${token}`
      return change(answer === null ? { method: 'DELETE', path } : { method: 'PUT', path, body: answer }, signal)
    },

    async state(signal) {
      const states = sockets.map(async socket => {
        return JSON.parse(await call(socket, { method: 'GET', path: '/edge/state' }, signal)) as EdgeState
      })
      return mergeStates(await Promise.all(states))
    },

    async listening(process, signal) {
      const socket = sockets.find(one => one.node === process.node)
      if (!socket) throw new AppError('not-found', `no keeper of node ${process.node} is known`)
      const path = `/listening/${process.container}`
      return JSON.parse(await call(socket, { method: 'GET', path }, signal)) as string[]
    },

    routerLog: (key, { tail, follow }, signal) => {
      const path = `/router-log/${key.app}/${key.environment}?tail=${tail}${follow ? '&follow=1' : ''}`
      const open = (socket: KeeperSocket, until: AbortSignal) =>
        openStream({ socketPath: socket.path, term: term(), clock, method: 'GET', path }, until)
      return interleaved(
        sockets.map(socket => until => logLines(() => patiently(clock, until, () => open(socket, until)), until)),
        signal,
      )
    },

    watch: (key, signal) => watchAll(key, { sockets, term, clock }, signal),
  }
}

/** The highest term that any of these keepers has seen and will go on asking for. Rejects `unavailable` when one is away. */
export async function highestTerm(
  sockets: readonly KeeperSocket[],
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<number> {
  const ask = async ({ path: socketPath }: KeeperSocket) => {
    const text = await callKeeper({ socketPath, method: 'GET', path: '/health', term: 0, clock }, signal)
    return (JSON.parse(text) as { readonly term: number }).term
  }
  return Math.max(0, ...(await Promise.all(sockets.map(ask))))
}

/** Again while the keeper is away, for a few seconds; any other error, and an abort, at once. */
async function patiently<T>(clock: Clock, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  const deadline = clock.monotonic() + patienceMs
  const isAway = (error: unknown) => error instanceof AppError && error.code === 'unavailable'
  const again = (error: unknown) => isAway(error) && clock.monotonic() < deadline
  return retry(attempt, { clock, everyMs: pauseMs, signal, again })
}

async function* logLines(
  open: () => ReturnType<typeof openStream>,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  try {
    for await (const line of readItems<LogLine>(await open())) if (line) yield line
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Lines of all edges as they come; ends when all have ended, and all of them when the reader leaves. */
async function* interleaved<T>(
  sources: readonly ((until: AbortSignal) => AsyncGenerator<T, void, undefined>)[],
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const own = new AbortController()
  const either = AbortSignal.any([signal, own.signal])
  const pending = new Map(sources.map((source, at) => [at, next(source(either), at)]))
  try {
    while (pending.size > 0 && !signal.aborted) {
      const { at, source, result } = await Promise.race(pending.values())
      if (result.done) {
        pending.delete(at)
        continue
      }
      pending.set(at, next(source, at))
      yield result.value
    }
  } finally {
    own.abort()
    await Promise.allSettled(pending.values())
  }
}

async function next<T>(source: AsyncGenerator<T, void, undefined>, at: number) {
  return { at, source, result: await source.next() }
}

interface WatchDeps {
  readonly sockets: readonly KeeperSocket[]
  readonly term: () => number
  readonly clock: Clock
}

/** Each keeper's newest view in a box of its own; the reader gets their merger whenever a box has changed. */
async function* watchAll(
  key: EnvironmentKey,
  { sockets, term, clock }: WatchDeps,
  signal: AbortSignal,
): AsyncIterable<EnvironmentView> {
  const boxes = sockets.map(({ node }): { node: NodeName; view: EnvironmentView | null } => ({ node, view: null }))
  const wakeup = new Wakeup(clock)
  const own = new AbortController()
  const either = AbortSignal.any([signal, own.signal])
  let failure: unknown = null
  sockets.forEach((socket, at) => {
    const put = (view: EnvironmentView | null) => {
      const box = boxes[at]
      if (box) box.view = view
      wakeup.wake()
    }
    keepReading({ path: `/watch/${key.app}/${key.environment}`, socket, term, clock, put }, either).catch(
      (error: unknown) => {
        failure = error
        wakeup.wake()
      },
    )
  })
  try {
    let last = ''
    while (!signal.aborted) {
      if (failure !== null) throw failure
      const view = mergeViews(boxes satisfies readonly KeeperReport[])
      const text = JSON.stringify(view)
      if (view && text !== last) yield view
      last = text
      await wakeup.wait(3_600_000, signal)
    }
  } finally {
    own.abort()
  }
}

interface Reading {
  readonly socket: KeeperSocket
  readonly path: string
  readonly term: () => number
  readonly clock: Clock
  readonly put: (view: EnvironmentView | null) => void
}

/** One keeper's stream, opened again whenever it ends. A keeper that is away for long takes its proof with it. */
async function keepReading({ socket, path, term, clock, put }: Reading, signal: AbortSignal): Promise<void> {
  let awaySince: number | null = null
  while (!signal.aborted) {
    try {
      const response = await openStream({ socketPath: socket.path, method: 'GET', path, term: term(), clock }, signal)
      response.socket.setTimeout(silenceMs, () => response.destroy(new Error('the keeper has fallen silent')))
      awaySince = null
      for await (const view of readItems<EnvironmentView>(response)) if (view) put(view)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof AppError && error.code !== 'unavailable') throw error
    }
    awaySince ??= clock.monotonic()
    if (clock.monotonic() - awaySince > patienceMs) put(null)
    await clock.sleep(pauseMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}
