import { connect, createServer, type AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'

/** A loopback port that leads to a Unix socket, for programs that know no such sockets. Closed on disposal. */
export async function openForwarder(socketPath: string): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, client => {
    const target = connect({ path: socketPath, allowHalfOpen: true })
    // Whichever side breaks off takes the other with it; the program that spoke reports it.
    const quietly = () => {
      client.destroy()
      target.destroy()
    }
    pipeline(client, target).catch(quietly)
    pipeline(target, client).catch(quietly)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve())),
  }
}
