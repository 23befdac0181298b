import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeptResult } from './result.ts'
import { markdown } from './table.ts'

/** Writes `<date>-<bench>.json` and `.md` (a second run of the same day replaces the first) and gives the latter's path. */
export async function keep(folder: string, result: KeptResult): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${result.date.slice(0, 10)}-${result.bench}${result.quick ? '-quick' : ''}`)
  await writeFile(`${path}.json`, `${JSON.stringify(result, null, 2)}\n`)
  await writeFile(`${path}.md`, markdown(result))
  return `${path}.md`
}
