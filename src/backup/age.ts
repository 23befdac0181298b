import { Decrypter, Encrypter } from 'age-encryption'
import { AppError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'

/**
 * Scrypt's work factor makes a guess dear. A recovery code is 256 random bits, which no one guesses; what a person thinks
 * up gets the format's own default. Powers of two.
 */
const workFactor = { recoveryCode: 10, passphrase: 18 }

/** A recovery code as `lading up` shows it. */
export function isRecoveryCode(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

/** As an age file (age-encryption.org/v1): `age --decrypt` opens it where nothing of ours is left. */
export async function* encrypted(
  chunks: AsyncIterable<Uint8Array>,
  passphrase: Secret,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase.reveal())
  encrypter.setScryptWorkFactor(isRecoveryCode(passphrase.reveal()) ? workFactor.recoveryCode : workFactor.passphrase)
  yield* await encrypter.encrypt(ReadableStream.from(chunks))
}

/** Rejects `invalid-input` when the passphrase is another one, when it is no age file, and where a byte is wrong or missing. */
export async function* decrypted(
  chunks: AsyncIterable<Uint8Array>,
  passphrase: Secret,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decrypter = new Decrypter()
  decrypter.addPassphrase(passphrase.reveal())
  let source: unknown = null
  const watched = watchFailure(chunks, error => (source = error))
  try {
    yield* await decrypter.decrypt(ReadableStream.from(watched))
  } catch (cause) {
    if (source !== null) throw source
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('invalid-input', `the backup cannot be decrypted: ${said}`, {
      hint: 'Either the passphrase (else the recovery code) is another one, or the file is damaged or cut off.',
      cause,
    })
  }
}

/** What fails in the source is not a damaged file. */
async function* watchFailure(
  chunks: AsyncIterable<Uint8Array>,
  note: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    note(error)
    throw error
  }
}
