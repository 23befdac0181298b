/** What ends a stream before its source does. */
export interface Ends {
  /** Aborted when the asker's right is taken back. */
  readonly revoked: AbortSignal
  /** Asked at each chunk; streams have a heartbeat, so it is seen soon. */
  readonly isExpired: () => boolean
}

/** The body, cut in the moment in which who asked for it may not have it any more. */
export function cutWhenRevoked(
  body: ReadableStream<Uint8Array>,
  { revoked, isExpired }: Ends,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let cut = () => {}
  return new ReadableStream<Uint8Array>({
    start(controller) {
      cut = () => {
        controller.error(revoked.reason ?? new Error('the token has expired'))
        void reader.cancel(revoked.reason).catch(() => undefined)
      }
      if (revoked.aborted) cut()
      else revoked.addEventListener('abort', cut, { once: true })
    },
    async pull(controller) {
      const next = await reader.read()
      if (revoked.aborted) return
      if (isExpired()) return cut()
      if (next.done) revoked.removeEventListener('abort', cut)
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel(reason) {
      revoked.removeEventListener('abort', cut)
      await reader.cancel(reason)
    },
  })
}
