import { z } from 'zod'
import type { Secret } from '../core/secret.ts'
import { result, type Result, type Verified } from './job.ts'
import { s3Access } from './s3-access.ts'
import type { Kept } from './storage.ts'

/** When backups are made by themselves, and where they go. */
export const scheduleSchema = z.strictObject({
  on: z.boolean(),
  to: z.string(),
  everyHours: z
    .number()
    .int()
    .min(1)
    .max(31 * 24),
  keep: z.number().int().min(1).max(1000),
  /** For places in an S3 store; its secret is told to no one. */
  s3: s3Access.omit({ secretAccessKey: true }).optional(),
})

export type Schedule = z.infer<typeof scheduleSchema>

export const scheduleChange = scheduleSchema.extend({ s3: s3Access }).partial()

/** What is to be another; the rest stays. */
export type ScheduleChange = z.infer<typeof scheduleChange>

/** Of a folder that every Debian has, so that the control plane starts whatever becomes of what lies in it. */
export const backupRoot = '/var/backups'

export const defaultSchedule: Schedule = { on: true, to: `${backupRoot}/lading`, everyHours: 24, keep: 7 }

export const attemptSchema = z.strictObject({
  /** Milliseconds since the epoch. */
  at: z.number(),
  made: result.nullable(),
  failed: z.strictObject({ message: z.string(), hint: z.string().nullable() }).nullable(),
})

export type Attempt = z.infer<typeof attemptSchema>

export interface BackupStatus {
  readonly schedule: Schedule
  readonly last: Attempt | null
  /** The last one that was made and opened again. */
  readonly lastGood: Attempt | null
  /** Nothing for longer than twice the schedule's time: loud, like a failure. */
  readonly overdue: boolean
  readonly running: boolean
}

/** Backups as the listeners see them; one at a time. */
export interface Backups {
  status(): Promise<BackupStatus>
  /** Rejects `invalid-input` for a place that the control plane does not reach. */
  change(change: ScheduleChange): Promise<BackupStatus>
  /** What lies at the schedule's place, oldest first. */
  kept(): Promise<readonly Kept[]>
  /** What the schedule does, now. Rejects `conflict` while another is under way. */
  now(): Promise<Result>
  /** Restores a backup that the recovery code opens into a throwaway place. */
  verify(file: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Verified>
  /** The file, encrypted to the passphrase (null: the recovery code). Leaving the loop ends it. */
  pack(passphrase: Secret | null, signal: AbortSignal): AsyncIterable<Uint8Array>
}
