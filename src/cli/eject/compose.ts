import type { EjectDocument } from '../../api/documents.ts'
import { defaults } from '../../core/defaults.ts'

type Service = EjectDocument['services'][number]

/** Where the first `web` process of an app listens, on the machine itself only: what stands before it brings TLS. */
export const firstPort = 8080

/**
 * `compose.yaml`: what runs, with the limits it had, and no value of the config. Only keys that docker-compose 1.29 (Debian
 * 12) knows as well as Compose 2. Source: https://docs.docker.com/reference/compose-file/services/
 */
export function composeFile(app: EjectDocument): string {
  return document(
    `${app.app} v${app.release} as Lading ran it. Its config is in ${overrideName}.`,
    Object.fromEntries([
      ...app.services.map(service => [service.type, serviceEntry(app, service)] as const),
      ...(app.releasePhase ? [[releaseService(app), releaseEntry(app)] as const] : []),
    ]),
  )
}

/** Compose reads it beside `compose.yaml` without being told to. */
export const overrideName = 'compose.override.yaml'

/**
 * The config, in a file of its own, for it is secret. Not in an `env_file`: docker, docker-compose 1 and Compose 2 read
 * quotes, dollars, backslashes and line breaks there in three different ways; in YAML they agree.
 */
export function configFile(app: EjectDocument): string {
  const names = [...app.services.map(({ type }) => type), ...(app.releasePhase ? [releaseService(app)] : [])]
  return document(
    `The config of ${app.app} v${app.release}: secret. In a value, $$ stands for one dollar.`,
    Object.fromEntries(names.map(name => [name, { environment: app.config }])),
  )
}

/** Of the release phase; a process type may have its name. */
export function releaseService(app: EjectDocument): string {
  return app.services.some(({ type }) => type === 'release') ? 'release-phase' : 'release'
}

function serviceEntry(app: EjectDocument, { count, port, command, environment, ...service }: Service): Entry {
  return {
    ...common(app, service.policy),
    ...(command && { entrypoint: command }),
    // As often as not an engine that was killed takes its own end for a wish with "unless-stopped".
    restart: 'always',
    scale: count,
    ...(port !== null && { ports: [`127.0.0.1:${portRange(count)}:${port}`] }),
    stop_grace_period: `${service.stopSeconds}s`,
    environment,
  }
}

/** By hand only: `docker compose run --rm release`. */
function releaseEntry(app: EjectDocument): Entry {
  const { command, environment, policy } = app.releasePhase!
  return {
    ...common(app, policy),
    ...(command && { entrypoint: command }),
    profiles: ['release'],
    environment,
  }
}

function common({ image }: EjectDocument, policy: Service['policy']): Entry {
  return {
    image,
    init: true,
    mem_limit: policy.memory,
    cpus: policy.cpus,
    pids_limit: policy.pids,
    tmpfs: [`/tmp:size=${policy.tmpBytes},mode=1777`],
    ulimits: { nofile: { soft: policy.openFiles, hard: policy.openFiles } },
    cap_drop: policy.dropCapabilities,
    security_opt: ['no-new-privileges:true'],
    logging: {
      driver: 'json-file',
      options: { 'max-size': String(defaults.logBytes), 'max-file': String(defaults.logFiles) },
    },
  }
}

/** `8080`, and of three processes `8080-8082`: the engine gives each the first that is free. */
function portRange(count: number): string {
  return count > 1 ? `${firstPort}-${firstPort + count - 1}` : String(firstPort)
}

type Value = string | number | boolean | readonly Value[] | Entry
interface Entry {
  readonly [key: string]: Value
}

function document(comment: string, services: Entry): string {
  return `# ${comment}\n${yaml({ services }, '')}`
}

/** Maps in block style, lists in flow style: all that these files need. */
function yaml(entry: Entry, indent: string): string {
  return Object.entries(entry)
    .map(([key, value]) => {
      const name = /^[a-z][a-z_-]*$/.test(key) ? key : scalar(key)
      if (Array.isArray(value)) return `${indent}${name}: [${value.map(one => scalar(one as string)).join(', ')}]\n`
      if (typeof value !== 'object') return `${indent}${name}: ${scalar(value)}\n`
      const inner = yaml(value as Entry, `${indent}  `)
      return inner === '' ? `${indent}${name}: {}\n` : `${indent}${name}:\n${inner}`
    })
    .join('')
}

/** A text is quoted whatever it looks like: `on` and `1e3` are none of YAML's business. Compose takes `$` for its own. */
function scalar(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value)
  const escaped = JSON.stringify(value.replaceAll('$', '$$$$'))
  // A pair of surrogates is one character to YAML, and parsers refuse some that JSON lets through.
  return escaped.replace(/[^\x20-\x7e]/gu, character => {
    const code = character.codePointAt(0) ?? 0
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}
