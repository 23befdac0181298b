import type { Result, Verified } from '../../src/backup/job.ts'
import type { Kept } from '../../src/backup/storage.ts'
import {
  defaultSchedule,
  scheduleSchema,
  type Backups,
  type BackupStatus,
  type Schedule,
  type ScheduleChange,
} from '../../src/backup/backups.ts'

/** Backups that say what they would do. */
export class FakeBackups implements Backups {
  #schedule: Schedule = defaultSchedule
  readonly made: Result[] = []

  async status(): Promise<BackupStatus> {
    return { schedule: this.#schedule, last: null, lastGood: null, overdue: false, running: false }
  }

  async change({ s3: _, ...change }: ScheduleChange): Promise<BackupStatus> {
    this.#schedule = scheduleSchema.parse({ ...this.#schedule, ...change })
    return this.status()
  }

  async kept(): Promise<readonly Kept[]> {
    return this.made.map(({ name, size }) => ({ name, size }))
  }

  async now(): Promise<Result> {
    const result = { name: `lading-${this.made.length}.age`, size: 1, apps: 0, removed: [] }
    this.made.push(result)
    return result
  }

  async verify(file: AsyncIterable<Uint8Array>): Promise<Verified> {
    for await (const chunk of file) if (chunk.length === 0) break
    return { apps: 0, releases: 0, repositories: 0 }
  }

  async *pack(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a backup')
  }
}
