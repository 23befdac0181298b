// eslint-disable-next-line no-restricted-imports -- a nonce that comes twice breaks AES-GCM: it is never from a seed
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'

/**
 * Authenticated encryption of values at rest: AES-256-GCM (NIST SP 800-38D) under a key derived from the data key by
 * HKDF (RFC 5869), so that the data key itself encrypts nothing and each purpose can have a key of its own.
 *
 * A sealed text is `1.<key id>.<nonce>.<ciphertext and tag>`, the last two in base64url. The caller's `context` is
 * authenticated with it: a text moved to another row, or to another release, does not open.
 */
export interface Sealer {
  /** First 8 hex digits of a one-way function of the key: says which key sealed a text, nothing about the key. */
  readonly keyId: string
  /** The same text sealed twice gives two different results. */
  seal(context: string, text: Secret): string
  /** Rejects `internal` when the key, the context or a single bit is another one. */
  open(context: string, sealed: string): Secret
}

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** `dataKey`: 32 bytes as 64 hexadecimal digits. `purpose` separates keys: `config` in store and cluster is one. */
export function createSealer(dataKey: Secret, purpose: string): Sealer {
  if (!/^[0-9a-f]{64}$/.test(dataKey.reveal())) {
    throw new AppError('invalid-input', 'the data key is not 32 bytes in hexadecimal', {
      hint: 'Write the recovery code that "lading up" printed into /etc/lading/recovery-code (mode 0600), then run "lading up".',
    })
  }
  const secret = Buffer.from(dataKey.reveal(), 'hex')
  const key = Buffer.from(hkdfSync('sha256', secret, '', `lading/${purpose}/1`, 32))
  const keyId = createHmac('sha256', key).update('key id').digest('hex').slice(0, 8)
  return {
    keyId,
    seal: (context, text) => seal({ key, keyId, context }, text),
    open: (context, sealed) => open({ key, keyId, context }, sealed),
  }
}

interface Use {
  readonly key: Buffer
  readonly keyId: string
  readonly context: string
}

function seal({ key, keyId, context }: Use, text: Secret): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context, 'utf8'))
  const body = Buffer.concat([cipher.update(text.reveal(), 'utf8'), cipher.final(), cipher.getAuthTag()])
  return ['1', keyId, nonce.toString('base64url'), body.toString('base64url')].join('.')
}

function open({ key, keyId, context }: Use, sealed: string): Secret {
  const [format, sealedBy, nonceText = '', bodyText = ''] = sealed.split('.')
  const nonce = Buffer.from(nonceText, 'base64url')
  const body = Buffer.from(bodyText, 'base64url')
  if (format !== '1' || nonce.length !== NONCE_BYTES || body.length < TAG_BYTES) {
    throw new AppError('internal', `the sealed value of ${context} is damaged`)
  }
  if (sealedBy !== keyId) {
    throw new AppError('internal', `${context} was sealed with data key ${sealedBy}, and this is ${keyId}`, {
      hint: `Write the recovery code of key ${sealedBy} into /etc/lading/recovery-code (mode 0600), then run "lading up"; how to remove a wrong key first: docs/design/secrets.md.`,
    })
  }
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context, 'utf8'))
    .setAuthTag(body.subarray(-TAG_BYTES))
  try {
    const text = Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()])
    return new Secret(text.toString('utf8'))
  } catch (cause) {
    throw new AppError('internal', `the sealed value of ${context} is damaged or belongs elsewhere`, { cause })
  }
}
