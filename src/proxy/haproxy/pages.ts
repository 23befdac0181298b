/**
 * What a visitor reads when the edge answers by itself: the app and the cause in plain words. HAProxy fills in the
 * variables (log-format syntax). Codes are Heroku's, so that habits and searches help.
 */
export interface Page {
  readonly file: string
  readonly code: string
  readonly text: string
}

const env = '%[var(txn.env)]'

export const pages = {
  unknown: {
    file: 'unknown.txt',
    code: 'H404',
    text: 'No app answers at this host name: no app has it, or its app has no release yet, or no web process.\n',
  },
  badGateway: {
    file: 'bad-gateway.txt',
    code: 'H13',
    text: `${env} closed the connection without a valid answer (H13).\nrequest id: %[var(txn.request_id)]\nThe reason is in its log: lading logs\n`,
  },
  noProcess: {
    file: 'no-process.txt',
    code: 'H10',
    text: `No process of ${env} answers: it is starting, it has crashed, or it is scaled to zero (H10).\nrequest id: %[var(txn.request_id)]\nSee what runs: lading ps\n`,
  },
  timeout: {
    file: 'timeout.txt',
    code: 'H12',
    text: `${env} took the request but sent no answer in time (H12). It may still be working on it.\nrequest id: %[var(txn.request_id)]\n`,
  },
  tooMany: {
    file: 'too-many.txt',
    code: 'H429',
    text: 'Too many requests or connections from your address. Try again in ten seconds (H429).\n',
  },
} as const satisfies Record<string, Page>
