import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import process from 'node:process'
import type { FileResult } from './phase.ts'

/** Where the evidence of failed tests lies, a folder for each run; the newest are kept. Of root's runs, and of others'. */
const FOLDER = process.getuid?.() === 0 ? '/var/log/lading-tests' : join(tmpdir(), `lading-tests-${process.getuid?.()}`)
const kept = 20

/** A folder for this run. What suites leave there by themselves (test/rig/evidence.ts) stands below the name of their file. */
export async function evidenceFolder(): Promise<string> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 })
  const older = (await readdir(FOLDER)).sort()
  for (const name of older.slice(0, Math.max(0, older.length - kept + 1)))
    await rm(join(FOLDER, name), { recursive: true, force: true })
  const folder = join(FOLDER, new Date().toISOString().replaceAll(':', ''))
  await mkdir(folder)
  return folder
}

/** Keeps what a failed file printed beside its hosts' logs, as `first` or `second` attempt; of one that passed nothing stays. */
export async function keepEvidence(folder: string, result: FileResult, attempt: 'first' | 'second'): Promise<void> {
  const place = join(folder, basename(result.file))
  if (result.failed === 0) return rm(place, { recursive: true, force: true })
  const own = join(folder, `${basename(result.file)}.${attempt}`)
  await mkdir(place, { recursive: true })
  await rm(own, { recursive: true, force: true })
  await writeFile(join(place, 'output.txt'), result.output)
  await rename(place, own)
}
