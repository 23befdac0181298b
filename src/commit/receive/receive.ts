import { AppError, asAppError } from '../../core/errors.ts'
import {
  parseBranchName,
  type AppName,
  type BranchName,
  type CommitId,
  type EnvironmentName,
} from '../../core/names.ts'
import type { RefMove, Run } from '../../core/run.ts'
import { wentLive } from '../../core/states.ts'
import type { Pipeline } from '../../pipeline/pipeline.ts'
import type { EnvironmentRow, Store } from '../../store/store.ts'
import { judgeMove, type Repositories } from '../repository.ts'

/** What one `git push` asks for. */
export interface Push {
  readonly app: AppName
  readonly by: string
  /** Nothing but the branch of this environment may be moved. */
  readonly only?: EnvironmentName
  readonly atomic: boolean
  readonly commands: readonly Command[]
  /** One line for the pusher. Resolves when the line is on its way: a client that is paused pauses us. */
  readonly say: (line: string) => Promise<void>
}

export interface Command {
  readonly ref: string
  /** What the client saw; null: nothing. */
  readonly from: CommitId | null
  /** Null: delete. */
  readonly to: CommitId | null
}

/** `reason` null is `ok`; otherwise one sentence for `ng`. */
export interface Answer {
  readonly ref: string
  readonly reason: string | null
}

export interface ReceiveDeps {
  readonly repositories: Repositories
  readonly store: Pick<Store, 'findApp' | 'environmentOfBranch' | 'listEnvironments' | 'servingRelease'>
  readonly pipeline: Pick<Pipeline, 'submit' | 'follow' | 'cancel'>
}

/** A command that may be carried out. `deploy`: the branch is bound; `store`: no environment follows it. */
type Plan = { readonly command: Command } & (
  | { readonly kind: 'refused'; readonly error: AppError }
  | { readonly kind: 'deploy'; readonly environment: EnvironmentRow; readonly commit: CommitId; readonly move: RefMove }
  | { readonly kind: 'store'; readonly branch: BranchName; readonly move: RefMove }
)
type Deploy = Extract<Plan, { kind: 'deploy' }>
type Stored = Extract<Plan, { kind: 'store' }>

/**
 * The policy of a push (docs/design/receive.md): bound branches travel the pipeline one after the other, others are
 * stored, each ref gets its own answer. Aborted (client gone, server stopping), the run in progress is cancelled, or
 * left to its own end when it is past the point of no return; nothing further is started.
 */
export async function receive(push: Push, deps: ReceiveDeps, signal: AbortSignal): Promise<readonly Answer[]> {
  const plans: Plan[] = []
  for (const command of push.commands) plans.push(await plan(push, command, deps, signal))
  const answers = push.atomic
    ? await receiveAtomically(push, plans, deps, signal)
    : await receiveEach(push, plans, deps, signal)
  if (!plans.some(({ kind }) => kind === 'deploy')) {
    const moved = new Set(answers.filter(({ reason }) => reason === null).map(({ ref }) => ref))
    await warnOfNoDeploy(
      push,
      plans.filter(({ command }) => moved.has(command.ref)),
      deps,
    )
  }
  return answers
}

async function receiveEach(
  push: Push,
  plans: readonly Plan[],
  deps: ReceiveDeps,
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  const reasons = new Map<Plan, string | null>()
  for (const kind of ['refused', 'store', 'deploy'] as const) {
    for (const plan of plans) if (plan.kind === kind) reasons.set(plan, await carryOut(push, plan, deps, signal))
  }
  return plans.map(plan => ({ ref: plan.command.ref, reason: reasons.get(plan) ?? null }))
}

/** If one ref fails none moves. The one deploy comes first: it can fail, the stored branches then move in one step. */
async function receiveAtomically(
  push: Push,
  plans: readonly Plan[],
  deps: ReceiveDeps,
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  const answers = (failed: ReadonlyMap<Plan, string>) =>
    plans.map(plan => ({ ref: plan.command.ref, reason: failed.get(plan) ?? (failed.size > 0 ? notMoved : null) }))
  const failed = new Map<Plan, string>()
  for (const plan of plans)
    if (plan.kind === 'refused') failed.set(plan, (await carryOut(push, plan, deps, signal)) ?? notMoved)
  if (failed.size > 0) return answers(failed)
  const [deploy, ...further] = plans.filter(plan => plan.kind === 'deploy')
  if (further.length > 0) {
    const reason = 'an atomic push can deploy one environment only'
    await tell(push, new AppError('not-allowed', reason, { hint: 'Push these branches one after the other.' }))
    return answers(new Map(plans.map(plan => [plan, reason])))
  }
  const reason = deploy && (await carryOut(push, deploy, deps, signal))
  if (deploy && reason) return answers(failed.set(deploy, reason))
  const stored = plans.filter(plan => plan.kind === 'store')
  try {
    await moveStored(push, stored, deps, signal)
  } catch (error) {
    for (const plan of stored) failed.set(plan, (await tell(push, asAppError(error))) ?? notMoved)
    return plans.map(plan => ({ ref: plan.command.ref, reason: failed.get(plan) ?? null }))
  }
  return answers(failed)
}

const notMoved = 'not moved, because another branch of this atomic push was rejected'

/** Everything that can be known before anything is started. */
async function plan({ app, only }: Push, command: Command, deps: ReceiveDeps, signal: AbortSignal): Promise<Plan> {
  try {
    const { from, to } = command
    const branch = branchOf(command.ref)
    const environment = await deps.store.environmentOfBranch(app, branch)
    if (only !== undefined && environment?.environment !== only) {
      throw refusal(`a deploy token of ${only} may not move ${branch}`, `Push the branch that ${only} follows.`)
    }
    if (to === null) {
      if (environment) throw refusal(`${environment.environment} follows ${branch}`, 'A bound branch is not deleted.')
      return { kind: 'store', command, branch, move: { branch, from, force: true } }
    }
    // Rejects what is no commit: a tag object pushed to a branch.
    await deps.repositories.describe(app, to, signal)
    const force = from !== null && !(await isFastForward(app, from, to, deps, signal))
    const move = { branch, from, force }
    // A push that cannot win must not supersede one that can; the pipeline asks again when the turn comes.
    await judgeMove(deps.repositories, { app, commit: to, move }, signal)
    return environment
      ? { kind: 'deploy', command, environment, commit: to, move }
      : { kind: 'store', command, branch, move }
  } catch (error) {
    signal.throwIfAborted()
    return { kind: 'refused', command, error: asAppError(error) }
  }
}

function branchOf(ref: string): BranchName {
  if (!ref.startsWith('refs/heads/')) {
    throw refusal(
      'only branches and tags can be pushed',
      `${JSON.stringify(ref)} is neither refs/heads/… nor refs/tags/…`,
    )
  }
  return parseBranchName(ref.slice('refs/heads/'.length))
}

/** What the client saw may be gone from here (a deleted branch, collected): then it was no fast-forward. */
async function isFastForward(
  app: AppName,
  from: CommitId,
  to: CommitId,
  deps: ReceiveDeps,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await deps.repositories.isAncestor(app, from, to, signal)
  } catch (error) {
    if (asAppError(error).code === 'not-found') return false
    throw error
  }
}

/** The reason why not, or null; the pusher has been told the rest. */
async function carryOut(push: Push, plan: Plan, deps: ReceiveDeps, signal: AbortSignal): Promise<string | null> {
  try {
    switch (plan.kind) {
      case 'refused':
        throw plan.error
      case 'store':
        await moveStored(push, [plan], deps, signal)
        return null
      case 'deploy':
        await deploy(push, plan, deps, signal)
        return null
    }
  } catch (error) {
    return tell(push, asAppError(error))
  }
}

async function moveStored(push: Push, plans: readonly Stored[], deps: ReceiveDeps, signal: AbortSignal): Promise<void> {
  const moves = []
  for (const { branch, command, move } of plans) {
    const { from, to } = command
    const present = to === null ? from : await judgeMove(deps.repositories, { app: push.app, commit: to, move }, signal)
    moves.push({ branch, from: present, to })
  }
  await deps.repositories.moveBranches(push.app, moves, signal)
  for (const { branch, to } of moves) {
    if (to === null) continue
    await push.say(`-----> ${branch} is stored at ${to.slice(0, 7)}; no environment follows it`)
  }
}

/** The last line of a push that only stored; `warning` at the beginning is what git shows in yellow. */
async function warnOfNoDeploy(push: Push, plans: readonly Plan[], { store }: ReceiveDeps): Promise<void> {
  const stored = plans.find(plan => plan.kind === 'store' && plan.command.to !== null)
  if (stored?.kind !== 'store') return
  const bound = (await store.listEnvironments()).find(({ app }) => app === push.app)
  const follows = bound ? `${bound.environment} follows ${bound.branch}. ` : ''
  const how = bound ? `git push lading ${stored.branch}:${bound.branch}` : `lading deploy ${stored.branch}`
  await push.say(`warning: nothing was deployed. ${follows}To deploy ${stored.branch}: ${how}`)
}

async function deploy(push: Push, plan: Deploy, deps: ReceiveDeps, signal: AbortSignal): Promise<void> {
  await warnOfSubmodules(push, plan.commit, deps, signal)
  signal.throwIfAborted()
  const intent = { kind: 'commit', commit: plan.commit, move: plan.move } as const
  const run = await deps.pipeline.submit({ key: keyOf(plan.environment), intent, by: push.by })
  const said = new Set<string>()
  const listening = { ...push, say: (line: string) => (said.add(line.trim()), push.say(line)) }
  const end = await follow(listening, run, deps, signal)
  if (!wentLive(end.state)) throw await failure(listening, { plan, end, said }, deps)
}

interface Failed {
  readonly plan: Deploy
  readonly end: Run
  /** Lines that the pusher has read already, such as those of the build. */
  readonly said: ReadonlySet<string>
}

/** What happened and what serves now come first: below them may be fifty log lines, and git's own answer comes last. */
async function failure(push: Push, { plan, end, said }: Failed, deps: ReceiveDeps): Promise<AppError> {
  const { environment } = plan
  const news = end.details.slice(0, end.details.findLastIndex(line => !said.has(line.trim())) + 1)
  const serving = await deps.store.servingRelease(keyOf(environment))
  await push.say('')
  await push.say(` !     ${end.reason}`)
  if (serving) await push.say(` !     v${serving.number} goes on serving; ${environment.branch} has not moved.`)
  return new AppError('conflict', end.reason, { details: news })
}

/** The run as it is when it is live or has ended; cancelled by us when we are aborted before. */
async function follow(push: Push, run: Run, deps: ReceiveDeps, signal: AbortSignal): Promise<Run> {
  try {
    for await (const event of deps.pipeline.follow(run.id, 0, signal)) {
      if (event.kind === 'outcome') return event.run
      await push.say(event.text)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  if (signal.aborted) return cancel(run, deps, signal)
  throw new AppError('internal', 'the progress of this run was lost', { hint: `See "lading runs show ${run.id}".` })
}

/** The client is gone, or we are stopping. Past the point of no return the run goes on without a listener. */
async function cancel(run: Run, deps: ReceiveDeps, signal: AbortSignal): Promise<Run> {
  try {
    return await deps.pipeline.cancel(run.id, asAppError(signal.reason).message)
  } catch (error) {
    if (asAppError(error).code !== 'conflict') throw error
    throw new AppError('conflict', 'this deploy cannot be stopped any more and goes on by itself', {
      hint: `See "lading runs show ${run.id}".`,
      cause: error,
    })
  }
}

async function warnOfSubmodules(push: Push, commit: CommitId, deps: ReceiveDeps, signal: AbortSignal): Promise<void> {
  const { submodules: paths } = await deps.repositories.checkTree(push.app, commit, signal)
  if (paths.length === 0) return
  await push.say(` !     Submodules are not fetched; in the build these folders are empty: ${paths.join(', ')}`)
  await push.say('       Commit their files, or install them as a dependency.')
}

/** Details and hint go to the pusher's screen; the sentence is the ref's answer. */
async function tell(push: Push, error: AppError): Promise<string> {
  for (const line of error.details) await push.say(`       ${line}`)
  if (error.hint) await push.say(` !     ${error.hint}`)
  return error.message
}

function refusal(message: string, hint: string): AppError {
  return new AppError('not-allowed', message, { hint })
}

function keyOf({ app, environment }: EnvironmentRow) {
  return { app, environment }
}
