import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readIfThere } from '../lib/files.ts'

/**
 * What `lading up` writes beside the store before it replaces a control plane by one of another image: that release keeps
 * its listeners shut until it has proven itself, and ends its own trial by removing the file (docs/design/upgrade.md). To any
 * other release it says nothing.
 */
const schema = z.strictObject({
  release: z.number().int().positive().describe('Of the control plane that is to prove itself.'),
  snapshot: z.string().describe('Path of the copy of the store that it makes before it brings the schema up to date.'),
})

export type Trial = z.infer<typeof schema>

export function trialFile(stateDir: string): string {
  return join(stateDir, 'trial.json')
}

/** Null: this release has nothing to prove. */
export async function readTrial(stateDir: string, release: number): Promise<Trial | null> {
  const text = await readIfThere(trialFile(stateDir))
  if (text === null) return null
  const trial = schema.parse(JSON.parse(text))
  return trial.release === release ? trial : null
}

/** From here on there is no way back: the listeners may open. */
export async function endTrial(stateDir: string): Promise<void> {
  await rm(trialFile(stateDir), { force: true })
}
