import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaults } from '../core/defaults.ts'
import { AppError } from '../core/errors.ts'
import { parseLadingYaml } from './lading-yaml.ts'

const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => parseLadingYaml(text),
    (error: unknown) => error instanceof AppError && error.code === 'invalid-input' && message.test(error.message),
  )

test('without a file, and with an empty one, everything is default', () => {
  const plain = {
    settings: defaults.settings,
    root: '',
    dockerfile: null,
    build: { context: null, target: null, args: {} },
    stack: null,
    verify: null,
  }
  assert.deepEqual(parseLadingYaml(null), plain)
  assert.deepEqual(parseLadingYaml('# nothing yet\n'), plain)
})

test('all keys are read, with their units', () => {
  const text = `healthcheck: /health?deep=1
protocol: h2c
timeouts: {boot: 90s, drain: 2m, stop: 10s, firstByte: 1h, idle: 55s}
memory: 2G
cpus: 0.5
dockerfile: deploy/Dockerfile
stack: dockerfile
`
  assert.deepEqual(parseLadingYaml(text), {
    settings: {
      healthPath: '/health?deep=1',
      protocol: 'h2c',
      bootSeconds: 90,
      drainSeconds: 120,
      stopSeconds: 10,
      firstByteSeconds: 3600,
      idleSeconds: 55,
      memory: 2048 * 1024 * 1024,
      cpus: 0.5,
    },
    root: '',
    dockerfile: 'deploy/Dockerfile',
    build: { context: null, target: null, args: {} },
    stack: 'dockerfile',
    verify: null,
  })
})

test('root names a folder, or one for each app; it stays inside of the repository', () => {
  assert.equal(parseLadingYaml('root: apps/shop/\n').root, 'apps/shop')
  assert.deepEqual(parseLadingYaml('root: { shop: client, shop-api: server/ }\n').root, {
    shop: 'client',
    'shop-api': 'server',
  })
  for (const root of ['..', '/etc', 'a/../..', '{ shop: ../x }', '7'])
    refused(`root: ${root}\n`, /^lading.yaml line 1: root.*: write a path inside the repository/)
})

test('an unknown key is refused with its line and path', () => {
  refused('healthcheck: /\nhealtcheck: /x\n', /^lading.yaml line 2: healtcheck: this key is not known$/)
  refused('memory: 1G\ntimeouts:\n  boot: 1m\n  bot: 1m\n', /^lading.yaml line 4: timeouts.bot: this key is not known$/)
})

test('a value without its unit, or of the wrong kind, is refused with what would be right', () => {
  refused('timeouts:\n  boot: 30\n', /^lading.yaml line 2: timeouts.boot: write a time with its unit/)
  refused('memory: 512\n', /line 1: memory: write an amount with its unit/)
  refused('memory: 4M\n', /below the least/)
  refused('timeouts: {boot: 2h}\n', /line 1: timeouts.boot: is above the limit of 3600 s/)
  refused('healthcheck: health\n', /write a path such as \/health/)
  for (const path of [
    '/a;b',
    '/a;shutdown sessions',
    '/$(id)',
    '/a|b',
    "/a'b",
    '/a b',
    '/a%',
    '/a%0',
    '/a#b',
    '/a\\\\b',
    '/`id`',
  ])
    refused(`healthcheck: "${path}"\n`, /write a path such as/)
  refused('healthcheck: "/a\\r\\nX: y"\n', /write a path such as/)
  refused('cpus: lots\n', /line 1: cpus:/)
  refused('- a\n', /^lading.yaml line 1:/)
})

test('a Dockerfile outside of the repository is refused', () => {
  for (const path of ['/etc/passwd', '../Dockerfile', 'a/../../x']) refused(`dockerfile: ${path}\n`, /inside the repo/)
})

test('broken YAML, a key twice and aliases are refused with a line', () => {
  refused('memory: 1G\n  cpus: : 2\n', /^lading.yaml line 1: Nested mappings/)
  refused('cpus: 1\ncpus: 2\n', /^lading.yaml line 2:/)
  refused('memory: &m 1G\ntimeouts: {boot: *m}\n', /^lading.yaml line 2: aliases such as \*m are not allowed/)
})

test('how a Dockerfile is built: with a context its own is the default, and BuildKit’s own arguments are refused', () => {
  const of = (text: string) => {
    const { dockerfile, build } = parseLadingYaml(text)
    return { dockerfile, ...build }
  }
  assert.deepEqual(of('build: { context: web/, target: live, args: { A: b, N: 2, T: true } }\n'), {
    dockerfile: 'web/Dockerfile',
    context: 'web',
    target: 'live',
    args: { A: 'b', N: '2', T: 'true' },
  })
  assert.equal(of('build: { target: live }\n').dockerfile, 'Dockerfile')
  assert.equal(of('build: { context: web, dockerfile: a/Dockerfile.web }\n').dockerfile, 'a/Dockerfile.web')
  refused('dockerfile: a\nbuild: { dockerfile: b }\n', /said twice/)
  refused('build: { context: ../x }\n', /inside the repo/)
  refused('build:\n  args: { BUILDKIT_CACHE_MOUNT_NS: other }\n', /BUILDKIT/)
  refused('build: { target: --push }\n', /write the name of a stage/)
})

test('a port is a number of a port', () => {
  assert.equal(parseLadingYaml('port: 3000').settings.port, 3000)
  assert.equal('port' in parseLadingYaml(null).settings, false)
  assert.throws(() => parseLadingYaml('port: 70000'), AppError)
})
