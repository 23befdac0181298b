import { mkdir } from 'node:fs/promises'
import { written } from '../backup/job.ts'
import type { ServiceBackupStorage } from '../services/storage.ts'
import type { BackupRunner } from './backups.ts'

/**
 * Backups of services at the place of the platform's own, encrypted to the recovery code by the same program, so that
 * neither holds up a push. One backup of any kind is made at a time.
 */
export class PlatformBackupStorage implements ServiceBackupStorage {
  readonly #backups: BackupRunner

  constructor(backups: BackupRunner) {
    this.#backups = backups
  }

  async put(name: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<number> {
    return this.#backups.exclusively(async () => {
      const place = await this.#backups.place()
      if (place.s3 === null) await mkdir(place.to, { recursive: true, mode: 0o700 })
      return written.parse(await this.#backups.answer({ do: 'put', name, ...place }, signal, chunks)).size
    })
  }

  async *read(name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const job = { do: 'read', name, ...(await this.#backups.place()) } as const
    const { process: child, ended } = this.#backups.start(job, signal)
    try {
      for await (const chunk of child.stdout!) yield chunk as Buffer
      await ended
    } finally {
      child.kill('SIGKILL')
    }
  }

  list() {
    return this.#backups.kept()
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    await this.#backups.start({ do: 'remove', name, ...(await this.#backups.place()) }, signal).ended
  }
}
