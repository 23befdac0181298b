import {
  CST,
  Lexer,
  LineCounter,
  isCollection,
  isMap,
  isNode,
  isScalar,
  parseDocument,
  visit,
  type Document,
} from 'yaml'
import { z } from 'zod'
import { requireSize, shortened } from '../core/bounds.ts'
import { defaults } from '../core/defaults.ts'
import { AppError, asAppError } from '../core/errors.ts'
import type { Settings } from '../core/release.ts'
import { MiB } from '../lib/format.ts'
import type { VerifyPlan } from '../core/verify-plan.ts'
import { stackNames } from './stacks/stacks.ts'
import { planOf, verifySchema } from './verify-yaml.ts'
import { seconds } from './yaml-values.ts'

const bytes = z
  .string({ error: 'write an amount with its unit, such as 512M or 2G' })
  .regex(/^[1-9][0-9]{0,5}(M|G)$/, 'write an amount with its unit, such as 512M or 2G')
  .transform(text => Number.parseInt(text, 10) * (text.endsWith('G') ? 1024 * MiB : MiB))
  .refine(value => value >= 16 * MiB, 'is below the least that a process can start with, 16M')

const repositoryPath = z
  .string()
  .regex(/^(?!\/)(?!(?:.*\/)?\.\.?(?:\/|$))[A-Za-z0-9._/-]{1,200}$/, 'write a path inside the repository')

/** The manual of lading.yaml: docs/reference is generated from these descriptions. */
export const ladingYamlSchema = z.strictObject({
  healthcheck: z
    .string()
    // HAProxy's runtime commands end at a `;`, and its maps' values at a blank.
    .regex(/^\/(?:[A-Za-z0-9._~/?=&:@+,-]|%[0-9A-Fa-f]{2}){0,199}$/, 'write a path such as /health')
    .optional()
    .describe(
      "HTTP path that must answer 200–399 before traffic moves; without it a TCP connection is the check. An image's HEALTHCHECK is off.",
    ),
  protocol: z.enum(['h1', 'h2c']).optional().describe('What `web` speaks; h2c for gRPC.'),
  timeouts: z
    .strictObject({
      boot: seconds(3600).optional().describe('A rollout that makes no progress for so long fails.'),
      drain: seconds(86_400).optional().describe('How long requests of the old release may run on after the switch.'),
      stop: seconds(3600).optional().describe('Between SIGTERM and SIGKILL.'),
      firstByte: seconds(86_400).optional().describe("To the first byte of the app's answer."),
      idle: seconds(86_400).optional().describe('Silence allowed on a connection afterwards.'),
    })
    .optional(),
  memory: bytes.optional().describe('Limit of each process; a node has room when a quarter of it is not reserved.'),
  cpus: z.number().min(0.05).max(64).optional().describe('Of each process; 1 is one core.'),
  dockerfile: repositoryPath.optional().describe('Path of the Dockerfile; its name is enough to choose the stack.'),
  build: z
    .strictObject({
      dockerfile: repositoryPath
        .optional()
        .describe(
          'Path of the Dockerfile in the repository, as `dockerfile`; with a context, by default the one in it.',
        ),
      context: repositoryPath.optional().describe('The folder that the Dockerfile sees.'),
      target: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'write the name of a stage')
        .optional()
        .describe('The stage that becomes the image.'),
      args: z
        .record(
          // Those of BuildKit itself say whose caches a build sees.
          z
            .string()
            .regex(
              /^(?!BUILDKIT_)[A-Za-z_][A-Za-z0-9_]{0,127}$/,
              'write a name of letters, digits and _, not BUILDKIT_…',
            ),
          z.union([z.string().max(4096), z.number(), z.boolean()]),
        )
        .optional()
        .describe('Values of ARG. They stand in the repository and in the image: no secrets.'),
    })
    .optional(),
  stack: z.enum(stackNames).optional().describe('How the image is made, when the files leave a choice.'),
  verify: verifySchema.optional(),
})

/** How a Dockerfile is built. */
export interface DockerBuild {
  /** A folder of the repository; null: all of it. */
  readonly context: string | null
  readonly target: string | null
  readonly args: Readonly<Record<string, string>>
}

export interface LadingYaml {
  readonly settings: Settings
  /** Of a Dockerfile; null: it is not said. */
  readonly dockerfile: string | null
  readonly build: DockerBuild
  readonly stack: string | null
  /** Null: nothing is declared. */
  readonly verify: VerifyPlan | null
}

/**
 * Reads lading.yaml (null: there is none). Strict: a key that is not known, or a value out of its range, rejects
 * `invalid-input` with file, line, path and what would be right.
 */
export function parseLadingYaml(text: string | null): LadingYaml {
  requireSize(text ?? '', { name: 'lading.yaml', bytes: defaults.ladingYamlBytes })
  requireFew(text ?? '')
  const lines = new LineCounter()
  const document = asRefusal(() =>
    parseDocument(text ?? '', { lineCounter: lines, prettyErrors: false, uniqueKeys: true }),
  )
  const [syntax] = document.errors
  if (syntax) throw refusal(lines.linePos(syntax.pos[0]).line, [], shortened(syntax.message))
  refuseAliases(document, lines)
  const content = asRefusal(() => (document.toJS() ?? {}) as unknown)
  const parsed = ladingYamlSchema.safeParse(content)
  if (!parsed.success) throw refusalOf(parsed.error.issues[0]!, document, lines)
  return resolve(parsed.data)
}

/**
 * Counted before anything is made of it: the parser compares each key with each other one, and keeps an error for each
 * sign that is out of place. Stops at the first that is too much.
 */
export function requireFew(text: string): { readonly tokens: number; readonly pieces: number } {
  let [tokens, pieces, line] = [0, 0, 1]
  for (const lexeme of new Lexer().lex(text)) {
    pieces++
    const type = CST.tokenType(lexeme)
    if (type === 'newline') line++
    if (type !== 'space' && type !== 'newline' && type !== 'comment') tokens++
    if (tokens > defaults.ladingYamlTokens) {
      throw refusal(line, [], `the file has more than ${defaults.ladingYamlTokens} keys, values and signs`)
    }
    if (pieces > defaults.ladingYamlPieces) {
      throw refusal(line, [], `the file has more than ${defaults.ladingYamlPieces} words, blanks and lines`)
    }
  }
  return { tokens, pieces }
}

/** A few lines of aliases can stand for gigabytes, and no key of ours needs one. */
function refuseAliases(document: Document, lines: LineCounter): void {
  visit(document, {
    Alias: (_key, alias) => {
      throw refusal(
        lines.linePos(alias.range?.[0] ?? 0).line,
        [],
        `aliases such as *${shortened(alias.source, 40)} are not allowed`,
      )
    },
    // The parser would write such a key out, and warn of it in the platform's log.
    Pair: (_key, pair) => {
      if (isCollection(pair.key)) throw refusal(1, [], 'a key is a word, not a list or a map')
    },
  })
}

/** Of other versions of YAML, which a file may ask for, some errors come only when values are made. */
function asRefusal<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw refusal(1, [], shortened(asAppError(error).message))
  }
}

function resolve(file: z.infer<typeof ladingYamlSchema>): LadingYaml {
  const { settings } = defaults
  const { timeouts } = file
  return {
    settings: {
      healthPath: file.healthcheck ?? settings.healthPath,
      protocol: file.protocol ?? settings.protocol,
      bootSeconds: timeouts?.boot ?? settings.bootSeconds,
      drainSeconds: timeouts?.drain ?? settings.drainSeconds,
      stopSeconds: timeouts?.stop ?? settings.stopSeconds,
      firstByteSeconds: timeouts?.firstByte ?? settings.firstByteSeconds,
      idleSeconds: timeouts?.idle ?? settings.idleSeconds,
      memory: file.memory ?? settings.memory,
      cpus: file.cpus ?? settings.cpus,
    },
    dockerfile: dockerfileOf(file),
    build: {
      context: file.build?.context?.replace(/\/+$/, '') ?? null,
      target: file.build?.target ?? null,
      args: Object.fromEntries(Object.entries(file.build?.args ?? {}).map(([name, value]) => [name, String(value)])),
    },
    stack: file.stack ?? null,
    verify: planOf(file.verify),
  }
}

function dockerfileOf({ dockerfile, build }: z.infer<typeof ladingYamlSchema>): string | null {
  if (dockerfile !== undefined && build?.dockerfile !== undefined) {
    throw refusal(1, ['build', 'dockerfile'], 'it is said twice: as "dockerfile" too')
  }
  const said = dockerfile ?? build?.dockerfile
  if (said !== undefined || build === undefined) return said ?? null
  return build.context === undefined ? 'Dockerfile' : `${build.context.replace(/\/+$/, '')}/Dockerfile`
}

function refusalOf(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): AppError {
  const { path, message } = describe(issue)
  return refusal(lineOf(document, path, lines), path, message)
}

/** Where a value may be of several kinds, what is wrong with the kind that it comes nearest to. */
function describe(issue: z.core.$ZodIssue): { readonly path: readonly PropertyKey[]; readonly message: string } {
  if (issue.code === 'unrecognized_keys') {
    return { path: [...issue.path, issue.keys[0]!], message: 'this key is not known' }
  }
  // A key of the wrong form: what is right stands in the issues of the key itself.
  if (issue.code === 'invalid_key') return { path: issue.path, message: issue.issues[0]?.message ?? issue.message }
  if (issue.code !== 'invalid_union') return issue
  const nearest = issue.errors
    .flatMap(kind => kind.slice(0, 1))
    .map(describe)
    .toSorted((a, b) => b.path.length - a.path.length)[0]
  return nearest === undefined || nearest.path.length === 0
    ? issue
    : { ...nearest, path: [...issue.path, ...nearest.path] }
}

/** The line of the key at `path`, or of the nearest thing above it that has a place in the file. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  for (let length = path.length; length > 0; length--) {
    const holder = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const pair = isMap(holder)
      ? holder.items.find(one => isScalar(one.key) && one.key.value === path[length - 1])
      : undefined
    if (pair && isNode(pair.key) && pair.key.range) return lines.linePos(pair.key.range[0]).line
  }
  return 1
}

function refusal(line: number, path: readonly PropertyKey[], why: string): AppError {
  const where = path.length === 0 ? '' : ` ${shortened(path.map(String).join('.'))}:`
  return new AppError('invalid-input', `lading.yaml line ${line}:${where} ${why}`, {
    hint: 'docs/reference/lading-yaml.md lists the keys.',
  })
}
