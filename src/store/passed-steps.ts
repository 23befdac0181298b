import type { StepVerdict } from '../core/release.ts'
import { type Connection, integer, text } from './connection.ts'
import type { Store } from './store.ts'

const kept = 1000

/** Steps of verify that need not run again (docs/design/verify.md). */
export function passedStepStore({ db, batch }: Connection): Pick<Store, 'findPassedStep' | 'savePassedStep'> {
  return {
    async findPassedStep(app, key) {
      const [rows] = await batch(
        db.selectFrom('passed_steps').select('step').where('app', '=', app).where('step_key', '=', key),
      )
      return rows[0] ? (JSON.parse(rows[0].step) as StepVerdict) : null
    },

    async savePassedStep(app, key, step, now) {
      const columns = { step: JSON.stringify(step), passed_at: now }
      const newest = db
        .selectFrom('passed_steps')
        .where('app', '=', app)
        .select('step_key')
        .orderBy('passed_at', 'desc')
        .limit(kept)
      await batch(
        db
          .insertInto('passed_steps')
          .columns(['app', 'step_key', 'step', 'passed_at'])
          .expression(
            db
              .selectFrom('apps')
              .where('app', '=', app)
              .select(['app', text(key).as('step_key'), text(columns.step).as('step'), integer(now).as('passed_at')]),
          )
          .onConflict(c => c.columns(['app', 'step_key']).doUpdateSet(columns)),
        db.deleteFrom('passed_steps').where('app', '=', app).where('step_key', 'not in', newest),
      )
    },
  }
}
