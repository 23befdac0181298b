import { connect } from 'node:tls'

const answerMs = 5_000

/** When the certificate ends that is shown for a host at an address, judged by this CA (PEM); else what a client would say. */
export async function certificateShown(
  { address, host, ca }: { readonly address: string; readonly host: string; readonly ca: string },
  signal: AbortSignal,
): Promise<Date | string> {
  return new Promise(resolve => {
    const socket = connect({ host: address, port: 443, servername: host, ca })
    const end = (result: Date | string) => {
      resolve(result)
      socket.destroy()
    }
    socket.setTimeout(answerMs, () => end(`no answer within ${answerMs / 1000} s`))
    socket.once('secureConnect', () => end(new Date(socket.getPeerCertificate().valid_to)))
    socket.once('error', (error: Error) => end(error.message))
    signal.addEventListener('abort', () => end('stopped'), { once: true })
  })
}
