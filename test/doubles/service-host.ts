import { AppError } from '../../src/core/errors.ts'
import type { Labels } from '../../src/core/labels.ts'
import type { ServiceHost, ServiceProgram } from '../../src/services/host.ts'
import type { ServiceBackupStorage } from '../../src/services/storage.ts'

/** A node whose programs do nothing but say what they read. */
export class FakeServiceHost implements ServiceHost {
  readonly volumes = new Map<string, Labels>()
  /** `<object> <program>: <what it read>`, in order. */
  readonly ran: string[] = []
  /** Programs that fail from now on. */
  readonly broken = new Set<string>()

  async ensureVolume(name: string, labels: Labels): Promise<void> {
    if (!this.volumes.has(name)) this.volumes.set(name, labels)
  }

  async hasVolume(name: string): Promise<boolean> {
    return this.volumes.has(name)
  }

  async removeVolume(name: string): Promise<void> {
    this.volumes.delete(name)
  }

  async *run({ object, command, input }: ServiceProgram): AsyncGenerator<Uint8Array> {
    const [program = ''] = command
    if (this.broken.has(program)) throw new AppError('unavailable', `${program} exited 1`)
    let read = ''
    for await (const chunk of input ?? []) read += Buffer.from(chunk).toString()
    this.ran.push(`${object} ${program}: ${read}`)
    yield Buffer.from(program === 'pg_dump' ? `dump of ${object}` : '7')
  }
}

/** A place for backups in memory. */
export class FakeServiceBackupStorage implements ServiceBackupStorage {
  readonly files = new Map<string, Buffer>()

  async put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const bytes = Buffer.concat(await Array.fromAsync(chunks))
    this.files.set(name, bytes)
    return bytes.length
  }

  async *read(name: string): AsyncGenerator<Uint8Array> {
    yield this.files.get(name) ?? Buffer.alloc(0)
  }

  async list() {
    return [...this.files].map(([name, bytes]) => ({ name, size: bytes.length }))
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name)
  }
}
