import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import type { EjectDocument } from '../../api/documents.ts'
import { composeFile, configFile, releaseService } from './compose.ts'

const policy = {
  memory: 536870912,
  reservedMemory: 1,
  cpus: 0.5,
  pids: 512,
  tmpBytes: 1024,
  openFiles: 64,
  dropCapabilities: ['NET_RAW'],
}
const web = {
  type: 'web',
  command: ['sh', '-c', 'trap : TERM; [ "$A" ] && node server.js'],
  count: 1,
  port: 8080,
  environment: { PORT: '8080', LADING_RELEASE: 'v7' },
  stopSeconds: 45,
  policy,
}
const shop: EjectDocument = {
  app: 'shop',
  environment: 'production',
  release: 7,
  commit: 'a'.repeat(40),
  image: 'localhost/shop:v7',
  services: [web],
  releasePhase: null,
  config: {},
}

interface Compose {
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}
const read = (text: string) => parse(text) as Compose
/** What Compose makes of a value: one dollar for two. */
const interpolated = (text: string) => {
  assert.doesNotMatch(text.replaceAll('$$', ''), /\$/)
  return text.replaceAll('$$', '$')
}

test('a process runs with the command, the limits and the end it had', () => {
  const { services } = read(composeFile(shop))
  const { entrypoint, ...rest } = services['web'] as { entrypoint: string[] }
  assert.deepEqual(entrypoint.map(interpolated), web.command)
  assert.deepEqual(rest, {
    image: 'localhost/shop:v7',
    init: true,
    mem_limit: 536870912,
    cpus: 0.5,
    pids_limit: 512,
    tmpfs: ['/tmp:size=1024,mode=1777'],
    ulimits: { nofile: { soft: 64, hard: 64 } },
    cap_drop: ['NET_RAW'],
    security_opt: ['no-new-privileges:true'],
    logging: { driver: 'json-file', options: { 'max-size': '10485760', 'max-file': '3' } },
    restart: 'always',
    scale: 1,
    ports: ['127.0.0.1:8080:8080'],
    stop_grace_period: '45s',
    environment: { PORT: '8080', LADING_RELEASE: 'v7' },
  })
})

test('several web processes share a range of ports; a worker has none, and no one is started who was not', () => {
  const worker = { ...web, type: 'worker', port: null, count: 0, command: null }
  const { services } = read(composeFile({ ...shop, services: [{ ...web, count: 3 }, worker] }))
  assert.deepEqual(services['web']?.['ports'], ['127.0.0.1:8080-8082:8080'])
  assert.deepEqual([services['worker']?.['scale'], services['worker']?.['ports']], [0, undefined])
  assert.equal(services['worker']?.['entrypoint'], undefined)
})

test('the release phase is a service of its own that only starts by its name, also beside a process type "release"', () => {
  const phase = { type: 'release', command: ['sh', '-c', 'migrate'], environment: {}, policy }
  const { services } = read(composeFile({ ...shop, releasePhase: phase }))
  assert.deepEqual(services['release']?.['profiles'], ['release'])
  assert.equal(services['release']?.['restart'], undefined)
  const both = { ...shop, services: [web, { ...web, type: 'release' }], releasePhase: phase }
  assert.equal(releaseService(both), 'release-phase')
  assert.deepEqual(Object.keys(read(configFile(both)).services), ['web', 'release', 'release-phase'])
})

test('values survive as they are, whatever stands in them', () => {
  const config = {
    QUOTES: `it's "quoted" \\ and \\n not a break`,
    LINES: 'one\ntwo\r\n\tthree\n',
    DOLLARS: '$HOME ${HOME} $$ $',
    LOOKS: 'yes',
    NUMBER: '0123',
    COLON: 'a: b # c',
    EMPTY: '',
    SIGNS: 'ü 😀 \u2028 \u0001 \u007f \u0085',
  }
  const { services } = read(configFile({ ...shop, config }))
  const kept = services['web']?.['environment'] as Record<string, string>
  assert.deepEqual(Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, interpolated(value)])), config)
  assert.doesNotMatch(composeFile({ ...shop, config }), /quoted/)
})
