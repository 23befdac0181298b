import assert from 'node:assert/strict'
import { test } from 'node:test'
import { definitions, missingPaths, pathsCited, wrongCitations } from './citations.mjs'

const list = `# Laws
## Laws
- **\`kill-anywhere\`**: It may be killed.
## Decisions
- **\`no-docker-hub\`**: It installs without.
`
const { names } = definitions(list)

test('laws and decisions are told apart, and a name is stated once', () => {
  assert.deepEqual([[...names.law], [...names.decision]], [['kill-anywhere'], ['no-docker-hub']])
  assert.equal(definitions(list).wrong.length, 0)
  assert.equal(definitions(list.replace('no-docker-hub', 'kill-anywhere')).wrong.length, 0)
  assert.equal(definitions(`${list}- **\`no-docker-hub\`**: Again.`).wrong.length, 1)
})

const right = [
  '// Idempotent (law: kill-anywhere).',
  '/** Law: kill-anywhere. It is. */',
  '**Decision: the engine.** It is slower.',
  'by its own law: the sockets, and by decision',
  '| D4 | a promise with a number of its own | shown |',
  "argv = ['wrk', '-d5s']",
]
for (const line of right) test(`right: ${line}`, () => assert.deepEqual(wrongCitations('a.ts', line, names), []))

const wrong = [
  '// (law: kill-nowhere)',
  '// (law: unknown)',
  '// (law: no-docker-hub)',
  '/** Decision: kill-anywhere. */',
  '// laid down in law 5',
  '// Law 5: so it is',
  '// bound as it should be (D3a)',
  '// bound as D3(a) says',
  "| D4 | as D8's promise | shown |",
]
for (const line of wrong) {
  test(`wrong: ${line}`, () => assert.equal(wrongCitations('a.ts', line, names).length, 1))
}

test('links are relative to their page, and paths to the checkout', () => {
  const text =
    'See [tests](design/testing.md#rings), [us](https://x.org/docs/y.md), [here](#below), `src/core/names.ts`, test/run, `test/e2e/NAME.e2e.ts`.'
  assert.deepEqual(
    pathsCited('docs/promises.md', text).map(({ path }) => path),
    ['docs/design/testing.md', 'src/core/names.ts', 'test/run'],
  )
})

test('what is not there is named with its line; a pattern needs one file that it fits', async () => {
  const text =
    'Fine: `scripts/`, `src/core/{names,run}.ts`, `src/core/*.test.ts`.\nNot: `src/console/`, `test/e2e/none-*.ts`.'
  assert.deepEqual(await missingPaths(new Map([['README.md', text]])), [
    'README.md:2 leads to src/console/, which does not exist',
    'README.md:2 leads to test/e2e/none-*.ts, which does not exist',
  ])
})
