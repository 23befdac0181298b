import type { ImageReference } from '../core/names.ts'
import type { Secret } from '../core/secret.ts'

/** Program and arguments, in the service's own container and as its own user. */
type Command = readonly string[]

/** A program, and the text it reads: what is secret stands there, and in no list of processes. */
export interface Step {
  readonly command: Command
  readonly input: string
}

export interface Credentials {
  /** Letters, digits and `_`. */
  readonly user: string
  /** Hexadecimal, so that it stands in every language as it is. */
  readonly password: Secret
}

/**
 * A kind of backing service: everything that differs from one to the next, in one file of `kinds/`. Every step may be
 * run again, whatever it was killed in. Contract suite: test/contract/kind.contract.test.ts, and on a real engine
 * test/e2e/platform/services.ts.
 */
export interface Kind {
  readonly name: string
  /** As people say it, with its version. */
  readonly title: string
  /** The config key that an app gets unless it asks for another. */
  readonly variable: string
  readonly port: number
  /** Where its volume lies; in the image it belongs to the user that the process runs as. */
  readonly folder: string
  /** Bytes. */
  readonly memory: number
  /** From the image's own stop signal to SIGKILL. */
  readonly stopSeconds: number
  /** Debian packages on the platform's base (decision: no-docker-hub); files lie beside the Dockerfile. */
  readonly image: {
    readonly dockerfile: (base: ImageReference) => string
    readonly files: Readonly<Record<string, string>>
  }
  /** Exits 0 when it takes connections. */
  readonly ready: Command
  /** What every service of the kind has before anybody is attached. */
  readonly prepare: Step
  /** A pair of credentials that reads and writes all data, and sees what other pairs have written. */
  readonly grant: (credentials: Credentials) => Step
  /** No one is connected with them any more, and no one gets in; what they own stays. */
  readonly revoke: (user: string) => Step
  readonly url: (host: string, credentials: Credentials) => string
  /** All data at one moment, on standard output, while the service goes on. */
  readonly dump: Command
  /** Reads a dump on standard input to its end; exits 0 when it is whole. */
  readonly proof: Command
  /** Before a restore: without any data. */
  readonly empty: Step
  /** Reads a dump on standard input; all or nothing. */
  readonly restore: Command
  /** Bytes of data, as a number on standard output. */
  readonly size: Command
}
