import type { Bench, BenchContext } from '../bench.ts'
import { Floor } from '../floor.ts'
import type { Bar } from '../framework/bar.ts'
import { median } from '../framework/numbers.ts'
import { interleave } from '../framework/pairs.ts'
import type { BenchResult } from '../framework/result.ts'
import type { Site } from '../site.ts'

const ALLOWED_MS = 500

/** N4: releases that need no build. */
export const releases: Bench = {
  name: 'releases',
  what: 'rollback, config change and push of a built commit, against docker service create → running',

  async run(context: BenchContext): Promise<BenchResult> {
    const site = await context.site()
    await using floor = await Floor.open(site)
    const arms = {
      floor: (round: number) => floor.create(`create-${round + 1}`),
      rollback: await rollbackArm(site),
      config: await configArm(site),
      pushed: await pushArm(site),
    }
    const values = await interleave(arms, { rounds: context.quick ? 3 : 15, signal: context.signal })
    const limit = median(values.floor) + ALLOWED_MS
    const bar = (id: string, what: string, measured: readonly number[]): Bar => {
      return { id, what: `${what} ≤ floor + 0.5 s`, value: median(measured), limit, unit: 'ms', direction: 'at most' }
    }
    return {
      rows: [
        { what: 'floor: service create → running', unit: 'ms', values: values.floor },
        { what: 'lading rollback → old version answers', unit: 'ms', values: values.rollback },
        { what: 'lading set → new config answers', unit: 'ms', values: values.config },
        { what: 'git push of a built commit → it answers', unit: 'ms', values: values.pushed },
      ],
      bars: [
        bar('N4.rollback', 'rollback', values.rollback),
        bar('N4.config', 'config change', values.config),
        bar('N4.built', 'push of a commit that was already built', values.pushed),
      ],
      notes: ['Commands are timed from their start, so the command line’s own start counts.'],
    }
  },
}

async function rollbackArm(site: Site) {
  const app = await site.app({ name: 'rollback', source: 'hello' })
  for (const version of ['a', 'b']) {
    await app.commitVersion(version)
    await app.deploy()
  }
  await app.rested()
  let serving = 'b'
  return async (): Promise<number> => {
    const wanted = serving === 'a' ? 'b' : 'a'
    const elapsed = await app.until(wanted, () => app.lading(['rollback', wanted === 'a' ? 'v1' : 'v2']))
    serving = wanted
    await app.rested()
    return elapsed
  }
}

async function configArm(site: Site) {
  const app = await site.app({ name: 'config', source: 'hello' })
  await app.commitVersion('a')
  await app.deploy()
  return async (round: number): Promise<number> => {
    const elapsed = await app.until(`a m${round}`, () => app.lading(['set', `MARK=m${round}`]))
    await app.rested()
    return elapsed
  }
}

/** Two commits that are both built, pushed in turn: forward, and back by force. */
async function pushArm(site: Site) {
  const app = await site.app({ name: 'built', source: 'hello' })
  const a = await app.commitVersion('a')
  await app.deploy()
  const b = await app.commitVersion('b')
  await app.deploy()
  await app.rested()
  let serving = 'b'
  return async (): Promise<number> => {
    const wanted = serving === 'a' ? 'b' : 'a'
    const commit = wanted === 'a' ? a : b
    const elapsed = await app.until(wanted, () => app.deploy(['--force', `${commit}:refs/heads/main`]))
    serving = wanted
    await app.rested()
    return elapsed
  }
}
