import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget } from '../core/bounds.ts'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { puzzles } from '../../test/simulation/puzzles.ts'
import { expand } from './stacks/dockerfile/words.ts'
import { argumentBudget, readDockerfile } from './stacks/dockerfile/read-dockerfile.ts'
import { parseDocument } from './registry/image-document.ts'
import { parseLadingYaml, requireFew } from './lading-yaml.ts'
import { planNode } from './stacks/node/package.ts'
import { ownCommand } from './own-command.ts'
import { parseProcfile } from './procfile.ts'
import { BuildProgress } from './builder/progress.ts'
import { satisfies } from './stacks/version-range.ts'

/** Null when it was refused, as everything hostile may be; any other error ends the test with its input. */
function orRefused<T>(text: string, read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    const shown = JSON.stringify(text.slice(0, 300))
    assert.ok(error instanceof AppError && error.code !== 'internal', `${String(error)} for ${shown}`)
    assert.ok(error.message.length < 2500, `a message of ${error.message.length} characters for ${shown}`)
    return null
  }
}

const refuses = (read: () => unknown, message: RegExp) =>
  assert.throws(read, (error: unknown) => error instanceof AppError && message.test(error.message))

const dockerfilePieces = [
  'ARG ', 'FROM ', 'a', 'b', 'a=', '${a}', '$b', '${a:-', '${b:+', '}', '{', '$', '"', "'", '\n', '\r\n', ' ', '\t', '\\\n', '#',
  '# escape=`\n', '`\n', '# syntax=x\n', 'COPY --from=', 'RUN --mount=from=', ',', '<<EOF', '<<-"', 'EOF', ' AS ', 'x:1', '/', '@', '\0', '\uFEFF', 'ä',
] // prettier-ignore

test('no Dockerfile does more than it may, whatever stands in it', () => {
  for (const text of puzzles(dockerfilePieces, 1)) {
    const budget = argumentBudget()
    const read = orRefused(text, () => readDockerfile(text, { budget }))
    if (!read) continue
    assert.ok(budget.spent <= defaults.dockerfileArgCharacters)
    assert.ok(read.images.length <= defaults.dockerfileImages)
    assert.ok(read.images.every(({ name }) => name.length <= defaults.imageNameCharacters))
  }
})

test('ARGs that double each other, in any of their fields, are refused before they are made', () => {
  for (const twice of ['${aN}${aN}', '$aN$aN', '"${aN}$aN"', '${q:-${aN}${aN}}', '${aN:+${aN}${aN}}']) {
    const lines = Array.from({ length: 40 }, (_, n) => `ARG a${n + 1}=${twice.replaceAll('aN', `a${n}`)}`)
    refuses(
      () => readDockerfile(['ARG a0=xxxxxxxx', ...lines, 'FROM ${a40}'].join('\n')),
      /^Dockerfile line \d+: it comes to more than 65536 characters of ARG values and image names$/,
    )
    // All on one line.
    refuses(
      () => readDockerfile(`ARG a0=xxxxxxxx ${lines.map(line => line.slice(4)).join(' ')}\nFROM a`),
      /^Dockerfile line 1: it comes to more/,
    )
  }
  const once = `ARG a=${'x'.repeat(400)}\nFROM ${'${a}'.repeat(200)}`
  refuses(() => readDockerfile(once), /line 2: it comes to more than/)
  refuses(() => readDockerfile(`ARG a=${'x'.repeat(300)}\nFROM $a$a`), /the name of an image has more than 512/)
  refuses(() => readDockerfile('COPY --from=x /a /b\n'.repeat(1) + manyImages), /names more than 100 images/)
})

const manyImages = Array.from({ length: 101 }, (_, n) => `RUN --mount=from=i${n} x`).join('\n')

test('variables within variables are read once, however they are nested, closed or not', () => {
  const budget = new Budget('characters', 1_000_000)
  assert.equal(expand('${a:-${b:-c}}', new Map(), budget), 'c')
  assert.equal(expand('x${a:+${a}y}z', new Map([['a', '1']]), budget), 'x1yz')
  assert.equal(expand('$1 ${} ${a $', new Map(), budget), '$1 ${} ${a $')
  for (const nested of ['${a:-', '${a:+', '${', '$a', '$', '}', '{', '"', '${a}']) {
    const text = nested.repeat(defaults.dockerfileBytes / nested.length)
    const spent = new Budget('characters', 2 * text.length)
    orRefused(text, () => expand(text, new Map(), spent))
    assert.ok(spent.spent <= 2 * text.length)
    orRefused(text, () => readDockerfile(`FROM ${text.slice(0, 200_000)}`))
    orRefused(text, () => readDockerfile(`ARG a=${text.slice(0, 200_000)}\nFROM a`))
  }
  refuses(() => expand('${a:-'.repeat(20) + '}'.repeat(20), new Map(), budget), /nested more than 8 deep/)
})

test('long lines, directives with blanks and continued lines by the thousand are read in one go', () => {
  assert.equal(readDockerfile(`FROM a\nRUN x ${'\\\n y '.repeat(30_000)}`).images.length, 1)
  assert.equal(readDockerfile(`# a=${' '.repeat(200_000)}x\nFROM a`).images.length, 1)
  refuses(
    () => readDockerfile(`FROM a\n${' '.repeat(defaults.dockerfileBytes)}`),
    /^Dockerfile is larger than 262144 bytes$/,
  )
})

const yamlPieces = [
  'a', 'memory', 'timeouts', 'boot', ': ', ':\n  ', '\n', '- ', '? ', '[', ']', '{', '}', ',', '&a ', '*a', '<<: ', '!!binary ', '!!set ', '!x ', '|\n ', '>\n ',
  '"', "'", '#', '%YAML 1.1\n---\n', '---\n', '...\n', '\t', '  ', '1', '30s', '\\', '\0', '@', '`', '~', '\uFEFF', 'ä', '__proto__', 'constructor',
] // prettier-ignore

test('no lading.yaml does anything but parse or be refused, and few signs are made of any', () => {
  for (const text of puzzles(yamlPieces, 2)) {
    orRefused(text, () => parseLadingYaml(text))
    const counted = orRefused(text, () => requireFew(text))
    assert.ok(!counted || counted.tokens <= defaults.ladingYamlTokens)
  }
})

test('of lading.yaml bytes, keys, depth and aliases are counted before it is parsed', () => {
  const full = (piece: string) => piece.repeat(Math.floor(defaults.ladingYamlBytes / piece.length))
  refuses(() => parseLadingYaml(`${full('#')}\n`), /^lading.yaml is larger than 65536 bytes$/)
  const keys = Array.from({ length: 6000 }, (_, n) => `k${n}: 1`).join('\n')
  refuses(() => parseLadingYaml(keys), /^lading.yaml line \d+: the file has more than 1024 keys, values and signs$/)
  for (const piece of ['[', '{', '- ', '? ', ',', '&a ', '*a ', 'a: ', '{a: ', '---\n', '"a" ', '!!x '])
    refuses(() => parseLadingYaml(full(piece)), /more than 1024 keys|larger than|line 1/)
  refuses(() => parseLadingYaml(full('#\n')), /more than 10000 words, blanks and lines/)
  refuses(() => parseLadingYaml('a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n'), /aliases such as \*a are not allowed/)
  refuses(() => parseLadingYaml('%YAML 1.1\n---\n<<: 1\n'), /^lading.yaml line 1/)
})

const jsonPieces = [
  '{', '}', '[', ']', ',', ':', '"a"', '"', '\\', '1', 'null', ' ', '"main"', '"scripts"', '"start"', '"dependencies"', '"packageManager"', '"yarn@1.1.1"',
  '"engines"', '{"node":', '">=1"', '"workspaces"', '"__proto__"', '{"name":"x"', 'e9', '-', '\uFEFF', '\0', '"\\u0000"',
] // prettier-ignore
const files = {
  yarnLock: null,
  paths: new Set(['index.js']),
  startIsSaid: false,
  commands: [],
  asked: null,
  members: [],
  nodeVersion: '24.1.0',
}

test('no package.json does anything but give a plan or be refused', () => {
  for (const text of puzzles(jsonPieces, 3)) {
    orRefused(text, () => planNode({ ...files, packageJson: text }))
    orRefused(text, () => planNode({ ...files, packageJson: `{"scripts": {"start": ${JSON.stringify(text)}}}` }))
    orRefused(text, () => planNode({ ...files, packageJson: `{"packageManager": ${JSON.stringify(text)}}` }))
    orRefused(text, () => planNode({ ...files, packageJson: `{"engines": {"node": ${JSON.stringify(text)}}}` }))
  }
})

test('of package.json bytes, depth and keys are counted before it is parsed, and fields that patterns read are short', () => {
  const plan = (packageJson: string) => planNode({ ...files, packageJson })
  refuses(() => plan(`{"a":"${'x'.repeat(defaults.packageJsonBytes)}"}`), /^package.json is larger than 1048576 bytes$/)
  refuses(() => plan('['.repeat(100_000)), /^package.json is nested more than 64 deep$/)
  refuses(() => plan('{"a":'.repeat(65) + '1' + '}'.repeat(65)), /nested more than 64 deep/)
  const many = Object.fromEntries(Array.from({ length: 30_000 }, (_, n) => [`k${n}`, '1']))
  refuses(() => plan(JSON.stringify({ dependencies: many })), /^package.json has more than 50000 keys and values$/)
  refuses(() => plan(`{"packageManager":"yarn@1.1.${'1'.repeat(100_000)}!"}`), /^package.json: packageManager/)
  // What no one can satisfy is no reason to refuse: as without the field.
  plan(`{"engines":{"node":"${'1 - '.repeat(100_000)}"}}`)
  refuses(
    () => plan(JSON.stringify({ dependencies: { ['x'.repeat(100_000)]: 1 } })),
    /^package.json: dependencies\.x{100}/,
  )
})

test('no range of versions is more than right, wrong or unknown', () => {
  for (const text of puzzles(
    ['1', '2', '.', '-', ' - ', ' ', '||', '>=', '<', '^', '~', 'x', '*', 'v', '+', 'e9', '\n'],
    4,
  ))
    assert.ok([true, false, null].includes(satisfies('24.1.0', text)), text)
})

test('no Procfile does anything but parse or be refused', () => {
  for (const text of puzzles(
    ['web', 'release', ':', ': ', 'x', '\n', '\r', '#', ' ', '\t', '-', '\0', '\uFEFF', 'ä'],
    5,
  )) {
    const read = orRefused(text, () => parseProcfile(text))
    assert.ok(!read || read.processes.length <= defaults.processTypes)
  }
  refuses(() => parseProcfile(`web: ${'x'.repeat(defaults.procfileBytes)}`), /^Procfile is larger than 65536 bytes$/)
  const types = Array.from({ length: 65 }, (_, n) => `t${n}: x`).join('\n')
  refuses(() => parseProcfile(types), /^Procfile names more than 64 process types$/)
})

test('what a build or a foreign base wrote about an image is bounded', () => {
  refuses(() => parseDocument(Buffer.from('['.repeat(1000))), /manifest or config is nested more than 64 deep/)
  const long = JSON.stringify({ config: { Env: ['x'.repeat(defaults.imageDocumentBytes)] } })
  refuses(() => parseDocument(Buffer.from(long)), /is larger than 4194304 bytes/)
  refuses(() => ownCommand({ Cmd: ['/bin/sh', '-c', 'x'.repeat(70_000)] }), /command of the image has more than 65536/)
  for (const text of puzzles(['sh', '/', 'bin', 'tini', ' ', '-c', '-', 'npm', "'", '\n'], 6))
    orRefused(text, () => ownCommand({ Entrypoint: text.split(' '), Cmd: text.split('/') }))
})

test("no output of a build's steps is more than its lines: without an end, full of escapes, or like a report", () => {
  for (const text of puzzles(
    ['{', '}', '"', '\n', '\r', '\x1b]', '\x1b[', '0', ';', 'm', '\x07', 'x', '\0', '{"logs":1}', '{"vertexes":[]}'],
    7,
  )) {
    const said: string[] = []
    const progress = new BuildProgress(line => said.push(line))
    const log = { vertexes: [{ digest: 'd', name: `[1/2] RUN ${text}` }], logs: [{ vertex: 'd', data: btoa(text) }] }
    for (const part of [text, `\n${JSON.stringify(log)}\n`, text]) progress.push(Buffer.from(part, 'latin1'))
    progress.end()
    assert.ok(said.every(line => line.length <= defaults.outputCharactersOfLine + 20))
  }
})

test('a step that writes without a line break for ever is held by its end alone', () => {
  const said: string[] = []
  const progress = new BuildProgress(line => said.push(line))
  const report = `${JSON.stringify({ logs: [{ vertex: 'd', data: btoa('\x1b]x'.repeat(20_000)) }] })}\n`
  for (let n = 0; n < 200; n++) progress.push(Buffer.from(report))
  progress.end()
  assert.equal(said.length, 1)
  assert.ok(said[0]!.length <= defaults.outputCharactersOfLine + 20)
})
