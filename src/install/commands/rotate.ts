import { unreachable } from '../../core/errors.ts'
import { readMachine } from '../host/machine.ts'
import type { Rotated } from '../options.ts'
import { paths } from '../paths.ts'
import { print, progress as startProgress } from '../printer.ts'
import { Site } from '../steps/site.ts'
import { runSteps } from '../steps/steps.ts'
import { ownerTokenPlace, ownerTokenSteps } from './rotate-owner-token.ts'
import { registryTokenPlace, registryTokenSteps } from './rotate-registry-token.ts'

/** Changes a key or a token (docs/design/secrets.md). Idempotent as its steps are: one that was stopped goes on. */
export async function rotate(what: Rotated, signal: AbortSignal): Promise<void> {
  await readMachine('rotate')
  const site = await Site.load()
  // Rejects where nothing is installed.
  void site.decisions
  const progress = startProgress()
  switch (what) {
    case 'owner-token':
      await runSteps(ownerTokenSteps(ownerTokenPlace(site)), progress, signal)
      return print(
        `\nThe owner's token is another one, in ${paths.token}. Log in again where it was used: lading login\n`,
      )
    case 'registry-token':
      await runSteps(registryTokenSteps(registryTokenPlace), progress, signal)
      return print('\nEngines show another token to the registry. Nothing else is to be done.\n')
    default:
      return unreachable(what)
  }
}
