import type { Command } from 'commander'
import { AppError } from '../../core/errors.ts'
import { addCommand, on, pairs } from '../command.ts'
import { carry, type FollowOptions } from '../follow.ts'
import type { Session } from '../session.ts'

export function deployCommands(program: Command, session: Session): void {
  const detach = (command: Command) => command.option('-d, --detach', 'do not wait for the outcome')

  on(
    detach(
      addCommand(program, 'deploy [commit]', {
        summary: 'deploy a commit that was pushed before; without one, the head of the branch',
        examples: ['lading deploy', 'lading deploy 3f2a9c1', 'lading deploy --fresh'],
        more: 'A new commit is deployed by git push lading main; git sends nothing when there is nothing new.',
      }).option('--fresh', 'run the steps of verify again that passed before'),
    ),
    async (options: FollowOptions & { fresh?: boolean }, commit: string | undefined) => {
      const app = await session.app(options.app)
      await carry(session, await (await session.client()).deploy(app, { commit, fresh: options.fresh }), options)
    },
  )

  on(
    detach(
      addCommand(program, 'rollback [release]', {
        summary: 'make a new release of an old one: its image, config and formation',
        examples: ['lading rollback', 'lading rollback v46'],
        more: 'Without a release: the newest one before that was live and is another. The git branch stays where it is.',
      }).option('--no-release-phase', 'do not run the release command of the Procfile again'),
    ),
    async (options: FollowOptions & { releasePhase: boolean }, release: string | undefined) => {
      const app = await session.app(options.app)
      const to = release === undefined ? {} : { to: releaseNumber(release) }
      const { releasePhase } = options
      await carry(session, await (await session.client()).rollback(app, { ...to, releasePhase }), options)
    },
  )

  on(
    detach(
      addCommand(program, 'scale <type=count...>', {
        summary: 'run so many processes of each type',
        examples: ['lading scale web=3 worker=2', 'lading scale worker=0'],
      }),
    ),
    async (options: FollowOptions, args: string[]) => {
      const counts = pairs(args, 'web=3').map(([type, count]) => [type, processCount(type, count)] as const)
      const app = await session.app(options.app)
      await carry(session, await (await session.client()).scale(app, Object.fromEntries(counts)), options)
    },
  )
}

function processCount(type: string, text: string): number {
  if (/^[0-9]{1,6}$/.test(text)) return Number(text)
  throw new AppError('invalid-input', `${type}=${text}: how many processes is a whole number`)
}

export function releaseNumber(text: string): number {
  if (/^v?[1-9][0-9]{0,8}$/.test(text)) return Number(text.replace('v', ''))
  throw new AppError('invalid-input', `${JSON.stringify(text)} is not a release`, {
    hint: 'Releases are v1, v2, …: "lading releases" lists them.',
  })
}
