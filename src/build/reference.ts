import { z } from 'zod'
import { defaultLimits, fixedLimits, limitNames, rules } from '../core/limits.ts'
import { defaults } from '../core/defaults.ts'
import { MiB } from '../lib/format.ts'
import { buildLimits } from './builder/cage.ts'
import { ladingYamlSchema } from './lading-yaml.ts'

/**
 * docs/reference/lading-yaml.md and docs/reference/defaults.md, made from the schema that reads the file and from the
 * table the code reads; a test compares them. Written anew by:
 * npm run -s node src/build/reference.ts lading-yaml > docs/reference/lading-yaml.md (and the same with defaults)
 */
export function ladingYamlReference(): string {
  return [
    '# lading.yaml\n',
    '*Made from the schema by `src/build/reference.ts`; change it there.*\n',
    'A file at the root of the repository; all of it is optional. It is read strictly: an unknown key, or a value out of its range,',
    'refuses the push with file, line and path. Times are written `30s`, `2m`, `1h`, amounts `512M`, `2G`.\n',
    '| key | values | default | meaning |',
    '|---|---|---|---|',
    ...rows(z.toJSONSchema(ladingYamlSchema, { io: 'input' }) as Schema, ''),
    '\n```yaml',
    'healthcheck: /health',
    'timeouts: { boot: 30s, drain: 1m }',
    'memory: 256M',
    'verify:',
    '  steps:',
    '    lint: npm run lint',
    '    unit: { run: npm test, reports: junit.xml, matrix: { SHARD: [1, 2] }, retries: 1 }',
    '    e2e: { run: npm run e2e, needs: [unit], env: { BROWSER: chromium }, timeout: 15m }',
    '```',
    '\nSteps run in containers of the image just built, side by side, not as root, with no config of the app in their environment; one that',
    'fails refuses the push (docs/design/verify.md).',
    '\n## Procfile',
    'One line per process type: `web: node server.js`. Only `web` gets traffic, at `$PORT`. `release:` runs before traffic moves, on every',
    'release. Empty lines and lines that begin with `#` are skipped; a bad or duplicate line refuses the push with its number.\n',
    'At its end an app gets SIGTERM, and `timeouts.stop` later SIGKILL. Behind npm it gets SIGTERM twice, for npm passes its own on: name the',
    'program itself where you can (`web: node server.js`, not `web: npm start`), or let the handler bear a second one. Scripts of npm',
    'are run by bash where the image has it, unless an `.npmrc` or config (`npm_config_script_shell`) names another shell.\n',
  ].join('\n')
}

export function defaultsReference(): string {
  const { settings } = defaults
  const { memory, pids } = buildLimits(defaultLimits)
  return [
    '# Defaults\n',
    '*Made from `src/core/defaults.ts` by `src/build/reference.ts`; change it there. Units are in the names; sizes are bytes.*\n',
    '## Of an app, changed in lading.yaml',
    ...table(settings),
    '\n## Of the platform, set by its operator with `lading limits set`',
    '| name | value | of | a change holds from |\n|---|---|---|---|',
    ...limitNames.map(name => `| ${name} | ${defaults[name]} | ${rules[name].of} | ${rules[name].from} |`),
    '\n## Of the platform, fixed',
    '| name | value | why |\n|---|---|---|',
    ...Object.entries(fixedLimits).map(
      ([name, why]) => `| ${name} | ${defaults[name as keyof typeof fixedLimits]} | ${why} |`,
    ),
    '',
    '`buildMemory` and `buildPids` are those of the whole builder. Its own engine keeps some of both for itself, and the rest is for builds:',
    `one build gets at most ${memory} bytes (${memory / MiB} MiB), which two at once share, and ${pids} processes of its own.`,
    '',
  ].join('\n')
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly enum?: readonly string[]
  readonly type?: string
  readonly description?: string
  readonly additionalProperties?: Schema
  readonly anyOf?: readonly Schema[]
}

function kinds(schemas: readonly Schema[]): string {
  return schemas.map(({ type }) => type ?? '').join(' or ')
}

function rows(schema: Schema, above: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = above === '' ? key : `${above}.${key}`
    if (value.properties) return rows(value, path)
    const named = value.additionalProperties?.anyOf
    if (named) {
      const own = `| \`${path}.NAME\` | ${kinds(named)} | | ${value.description ?? ''} |`
      return [own, ...named.flatMap(kind => rows(kind, `${path}.NAME`))]
    }
    const values = value.enum?.join(', ') ?? value.type ?? kinds(value.anyOf ?? [])
    return [`| \`${path}\` | ${values} | ${fallback(path)} | ${value.description ?? ''} |`]
  })
}

function fallback(path: string): string {
  const { settings } = defaults
  const known: Readonly<Record<string, string>> = {
    healthcheck: 'a TCP connection',
    protocol: settings.protocol,
    root: 'the whole repository',
    port: 'what EXPOSE says, else `$PORT` alone',
    'timeouts.boot': `${settings.bootSeconds}s`,
    'timeouts.drain': `${settings.drainSeconds}s`,
    'timeouts.stop': `${settings.stopSeconds}s`,
    'timeouts.firstByte': `${settings.firstByteSeconds}s`,
    'timeouts.idle': `${settings.idleSeconds}s`,
    memory: `${settings.memory / 1024 / 1024}M`,
    cpus: String(settings.cpus),
    dockerfile: '`Dockerfile`',
    stack: 'by the files',
    'verify.steps.NAME.timeout': `${defaults.stepSeconds / 60}m`,
    'verify.steps.NAME.retries': '0',
  }
  return known[path] ?? ''
}

function table(values: Readonly<Record<string, unknown>>): string[] {
  return [
    '| name | value |',
    '|---|---|',
    ...Object.entries(values).map(([key, value]) => `| ${key} | ${String(value)} |`),
  ]
}

if (import.meta.main) process.stdout.write(process.argv[2] === 'defaults' ? defaultsReference() : ladingYamlReference())
