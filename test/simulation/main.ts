// Random histories by hand: `npm run node -- test/simulation/main.ts --seed 1 --count 10000`; one seed alone tells its story.
import { parseArgs } from 'node:util'
import { runRandomHistories } from './many.ts'
import { randomHistory } from './random-history.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '1' } },
})
const [seed, count] = [Number(values.seed), Number(values.count)]
const start = performance.now()
if (count === 1) {
  const { problems, story } = await randomHistory(seed)
  process.stdout.write(`seed ${seed}: ${problems.length > 0 ? problems.join('; ') : 'all laws hold'}\n`)
  process.stdout.write(`${story.map(line => `  ${line}`).join('\n')}\n`)
  process.exitCode = problems.length === 0 ? 0 : 1
} else {
  const { broken, perCpuSecond } = await runRandomHistories(seed, count)
  for (const one of broken) process.stdout.write(`seed ${one.seed}: ${one.problems.join('; ')}\n`)
  const perSecond = count / ((performance.now() - start) / 1000)
  const speed = `${perSecond.toFixed(0)} histories/s, ${perCpuSecond.toFixed(0)} per CPU second`
  process.stdout.write(`${count} histories, ${broken.length} broke a law, ${speed}\n`)
  process.exitCode = broken.length === 0 ? 0 : 1
}
