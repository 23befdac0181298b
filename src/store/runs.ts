import { AppError } from '../core/errors.ts'
import { parseRunId, type RunId } from '../core/names.ts'
import { assertStep, isFinal, runStates, wentLive } from '../core/states.ts'
import { type Connection, columnsOf, integer, literals, next, text } from './connection.ts'
import { fromRun, toRun } from './rows.ts'
import type { Store } from './store.ts'

type RunStore = Pick<
  Store,
  | 'insertRun'
  | 'findRun'
  | 'listRuns'
  | 'standingRuns'
  | 'openRuns'
  | 'advanceRun'
  | 'startReleasePhase'
  | 'saveStep'
  | 'findStep'
  | 'appendLines'
  | 'readLines'
  | 'forgetLines'
>

const standingLimit = 1_000
const standingStates = runStates.filter(state => !isFinal(state) || wentLive(state))
const finalStates = runStates.filter(isFinal)
const openStates = runStates.filter(state => !isFinal(state))
/** Not reachable past the point of no return; the row "release phase started" is written by another call. */
const turningBack = ['cancelled', 'superseded']

export function runStore({ db, batch }: Connection): RunStore {
  const runs = db
    .selectFrom('runs')
    .leftJoin('releases', 'releases.run', 'runs.id')
    .selectAll('runs')
    .select('releases.number as release')
  const run = (id: RunId) => runs.where('runs.id', '=', id)

  return {
    async insertRun({ id, app, environment, intent, by, reason, now }) {
      const place = db.selectFrom('runs').select(next('place')).as('place')
      const fresh = { state: 'queued', details: [], releasePhaseStarted: false, release: null } as const
      const row = fromRun({ ...fresh, id, app, environment, intent, by, reason, createdAt: now, changedAt: now })
      const home = db
        .selectFrom('environments')
        .innerJoin('apps', 'apps.app', 'environments.app')
        .where('environments.app', '=', app)
        .where('environments.environment', '=', environment)
      const [inserted, found, homes] = await batch(
        db
          .insertInto('runs')
          .columns([...columnsOf(row), 'place'])
          .expression(home.where('apps.destroyed_at', 'is', null).select([...literals(row), place]))
          .onConflict(c => c.column('id').doNothing())
          .returning('id'),
        run(id),
        home.select('apps.destroyed_at'),
      )
      if (inserted[0] && found[0]) return toRun(found[0])
      if (!homes[0]) throw new AppError('not-found', `there is no environment ${app}/${environment}`)
      if (homes[0].destroyed_at !== null) throw new AppError('conflict', `${app} is being destroyed`)
      throw new AppError('already-exists', `there is a run ${id} already`)
    },

    async findRun(id) {
      const [rows] = await batch(run(id))
      return rows[0] ? toRun(rows[0]) : null
    },

    async listRuns({ app, environment }, limit) {
      const [rows] = await batch(
        runs
          .where('runs.app', '=', app)
          .where('runs.environment', '=', environment)
          .orderBy('runs.place', 'desc')
          .limit(limit),
      )
      return rows.map(toRun)
    },

    async standingRuns({ app, environment }) {
      const [rows] = await batch(
        runs
          .where('runs.app', '=', app)
          .where('runs.environment', '=', environment)
          .where('runs.state', 'in', standingStates)
          .orderBy('runs.place', 'desc')
          .limit(standingLimit),
      )
      return rows.map(toRun)
    },

    async openRuns() {
      const [rows] = await batch(runs.where('runs.state', 'in', openStates).orderBy('runs.place'))
      return rows.map(toRun)
    },

    async advanceRun(id, from, to, { reason, details, now }) {
      assertStep(from, to)
      if (reason === '') throw new AppError('internal', `run ${id} needs a reason to be ${to}`)
      const [moved, found] = await batch(
        db
          .updateTable('runs')
          .set({ state: to, reason, changed_at: now, ...(details && { details: JSON.stringify(details) }) })
          .where('id', '=', id)
          .where('state', '=', from)
          .$if(turningBack.includes(to), query => query.where('release_phase_started', '=', 0))
          .returning('id'),
        run(id),
      )
      if (!found[0]) throw noRun(id)
      const row = toRun(found[0])
      if (moved[0]) return row
      throw new AppError(
        'conflict',
        row.state === from
          ? `run ${id} is past the point of no return: its release phase was started`
          : `run ${id} is ${row.state}, not ${from}: ${row.reason}`,
      )
    },

    async startReleasePhase(id, now) {
      const [started, found] = await batch(
        db
          .updateTable('runs')
          .set({ release_phase_started: 1, changed_at: now })
          .where('id', '=', id)
          .where('state', 'in', openStates)
          .where('release_phase_started', '=', 0)
          .returning('id'),
        run(id),
      )
      if (started[0]) return true
      if (!found[0]) throw noRun(id)
      if (Number(found[0].release_phase_started) === 1) return false
      throw new AppError('conflict', `run ${id} is ${found[0].state}: ${found[0].reason}`)
    },

    async saveStep(id, step, result) {
      const [, found] = await batch(
        db
          .insertInto('run_steps')
          .columns(['run', 'step', 'result'])
          .expression(
            db
              .selectFrom('runs')
              .where('id', '=', id)
              .select(['id', text(step).as('step'), text(JSON.stringify(result ?? null)).as('result')]),
          )
          .onConflict(c => c.columns(['run', 'step']).doNothing()),
        run(id),
      )
      if (!found[0]) throw noRun(id)
    },

    async findStep(id, step) {
      const [rows] = await batch(
        db.selectFrom('run_steps').select('result').where('run', '=', id).where('step', '=', step),
      )
      return rows[0] ? { result: JSON.parse(rows[0].result) as unknown } : null
    },

    async appendLines(id, lines) {
      const last = db.selectFrom('run_lines').where('run', '=', id)
      const insert = (line: { readonly at: number; readonly text: string }) =>
        db
          .insertInto('run_lines')
          .columns(['run', 'seq', 'at', 'text'])
          .expression(
            db
              .selectFrom('runs')
              .where('id', '=', id)
              .select([
                'id',
                last.select(next('seq')).as('seq'),
                integer(line.at).as('at'),
                text(line.text).as('text'),
              ]),
          )
      const results = await batch(run(id), ...lines.map(insert))
      if (results[0].length === 0) throw noRun(id)
    },

    async readLines(id, after) {
      const [rows] = await batch(
        db
          .selectFrom('run_lines')
          .select(['seq', 'at', 'text'])
          .where('run', '=', id)
          .where('seq', '>', after)
          .orderBy('seq'),
      )
      return rows.map(row => ({ seq: Number(row.seq), at: Number(row.at), text: row.text }))
    },

    async forgetLines({ app, environment }, keep) {
      const own = db.selectFrom('runs').where('runs.app', '=', app).where('runs.environment', '=', environment)
      const oldestKept = own
        .select('runs.place')
        .orderBy('runs.place', 'desc')
        .limit(1)
        .offset(keep - 1)
      const old = own.where('runs.state', 'in', finalStates).where('runs.place', '<', oldestKept)
      const [, rows] = await batch(
        db.deleteFrom('run_lines').where('run', 'in', old.select('runs.id')),
        old
          .leftJoin('releases', 'releases.run', 'runs.id')
          .where('releases.number', 'is', null)
          .select('runs.id')
          .orderBy('runs.place'),
      )
      return rows.map(row => parseRunId(row.id))
    },
  }
}

function noRun(id: RunId): AppError {
  return new AppError('not-found', `there is no run ${id}`, { hint: '"lading runs" lists them.' })
}
