import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../../core/errors.ts'
import type { AskedVersion } from './asked-version.ts'
import { planNode } from './package.ts'

interface Case {
  readonly pkg: unknown
  readonly paths?: readonly string[]
  readonly yarnLock?: string
  readonly startIsSaid?: boolean
  readonly commands?: readonly string[]
  readonly asked?: AskedVersion
}

const plan = ({ pkg, paths = [], yarnLock, startIsSaid = true, commands = [], asked }: Case) =>
  planNode({
    packageJson: typeof pkg === 'string' ? pkg : JSON.stringify(pkg),
    yarnLock: yarnLock ?? null,
    paths: new Set(['package.json', ...paths]),
    startIsSaid,
    commands,
    asked: asked ?? null,
    members: [],
    nodeVersion: '24.21.0',
  })

const refused = (one: Case, message: RegExp) =>
  assert.throws(
    () => plan(one),
    (error: unknown) => error instanceof AppError && message.test(error.message),
  )

const dependencies = { ms: '2.1.3' }

test('an app without dependencies needs no lock file and is assembled', () => {
  const { install, notAssembled } = plan({ pkg: {} })
  assert.deepEqual({ install, notAssembled }, { install: null, notAssembled: null })
})

test('dependencies without a lock file are installed all the same, with a warning that says how to get one', () => {
  const { install, warnings, notAssembled } = plan({ pkg: { dependencies } })
  assert.deepEqual([install?.program, install?.locked, install?.prunes, notAssembled], ['npm', false, true, null])
  assert.match(warnings.join('\n'), /^there is no lock file: .* "npm install" writes one/)
  const byPnpm = plan({ pkg: { dependencies, packageManager: 'pnpm@10.4.1' }, paths: ['deno.lock'] })
  assert.deepEqual([byPnpm.install?.program, byPnpm.install?.get], ['pnpm', 'pnpm@10.4.1'])
  assert.match(
    byPnpm.warnings.join('\n'),
    /no lock file that is read here \(deno.lock is not\).*"pnpm install" writes one/,
  )
})

test('bun installs where its lock file is, and stays where what runs calls it', () => {
  const one = plan({ pkg: { dependencies }, paths: ['bun.lock', 'index.ts'], startIsSaid: false })
  assert.deepEqual([one.install?.program, one.install?.get, one.install?.locked], ['bun', 'bun@1.4.5', true])
  assert.deepEqual([one.start, one.keeps], [['bun', 'index.ts'], ['bun@1.4.5']])
  const byNode = plan({
    pkg: { dependencies, scripts: { start: 'node a.js' } },
    paths: ['bun.lock'],
    startIsSaid: false,
  })
  assert.deepEqual(byNode.keeps, [])
})

test("Nest runs what was built, not what its developers' start compiles", () => {
  const scripts = { start: 'nest start', 'start:prod': 'node dist/main', build: 'nest build' }
  const start = (more: object) =>
    plan({ pkg: { scripts, ...more }, paths: ['package-lock.json'], startIsSaid: false }).start
  assert.deepEqual(start({ dependencies: { '@nestjs/core': '11' } }), ['node', 'dist/main'])
  assert.deepEqual(start({}), ['/bin/sh', '-c', 'nest start'])
})

test('development dependencies alone count only when something is built', () => {
  assert.equal(plan({ pkg: { devDependencies: dependencies } }).install, null)
  assert.equal(plan({ pkg: { devDependencies: dependencies, scripts: { build: 'x' } } }).install?.locked, false)
})

test('own install scripts run also when nothing, or only what develops, is to be installed', () => {
  for (const name of ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare']) {
    const alone = plan({ pkg: { scripts: { [name]: 'x' } } })
    assert.deepEqual(alone.install, {
      program: 'npm',
      get: null,
      manifests: ['package.json'],
      workspaces: false,
      locked: false,
      prunes: false,
    })
    assert.equal(alone.notAssembled, `it has a script "${name}"`)
  }
  const develops = { devDependencies: dependencies, scripts: { prepare: 'x' } }
  assert.equal(plan({ pkg: develops, paths: ['package-lock.json'] }).install?.prunes, true)
  assert.equal(plan({ pkg: develops }).install?.prunes, true)
})

test('a monorepo of pnpm has something to install, though its root has no dependencies', () => {
  const { install, notAssembled } = plan({ pkg: {}, paths: ['pnpm-lock.yaml', 'pnpm-workspace.yaml'] })
  assert.deepEqual([install?.program, notAssembled], ['pnpm', 'it has workspaces'])
})

test('Yarn 2 and later is installed with the whole repository, and prunes where it can', () => {
  const berry = (version: number, ...more: string[]) =>
    plan({
      pkg: { dependencies, packageManager: 'yarn@3.8.7' },
      paths: ['yarn.lock', ...more],
      yarnLock: `__metadata:\n  version: ${version}\n`,
    })
  assert.equal(berry(8).installsAlone, false)
  assert.deepEqual([berry(8).install?.prunes, berry(8).warnings], [true, []])
  assert.equal(berry(6, '.yarn/plugins/@yarnpkg/plugin-workspace-tools.cjs').install?.prunes, true)
  assert.equal(berry(6).install?.prunes, false)
  assert.match(berry(6).warnings[0] ?? '', /^development dependencies stay in the image/)
})

test('a package manager that what runs calls is kept in the image, which is then built', () => {
  const kept = (one: Partial<Case>) => {
    const { keeps, notAssembled } = plan({ pkg: {}, ...one })
    return [keeps, notAssembled]
  }
  assert.deepEqual(kept({ commands: ['npm start', 'node yarn.js'] }), [[], null])
  assert.deepEqual(kept({ commands: ['cd a;yarn start'] }), [['yarn@1.22.22'], 'what it runs calls yarn'])
  const pkg = { dependencies, scripts: { start: 'pnpm --filter api start' } }
  const pinned = { pkg: { ...pkg, packageManager: 'pnpm@9.1.0' }, paths: ['pnpm-lock.yaml'] }
  assert.deepEqual(kept(pinned), [['pnpm@9.1.0'], 'what it runs calls pnpm'])
  assert.equal(plan(pinned).installsAlone, true)
  const berry = { pkg: { dependencies, packageManager: 'yarn@4.5.0' }, yarnLock: '__metadata:\n  version: 8\n' }
  assert.deepEqual(kept({ ...berry, paths: ['yarn.lock'], commands: ['yarn start'] })[0], ['@yarnpkg/cli-dist@4.5.0'])
})

test('two lock files are refused by name', () => {
  const paths = ['package-lock.json', 'yarn.lock']
  refused({ pkg: { dependencies }, paths }, /^there are two lock files: package-lock.json and yarn.lock$/)
})

test('the lock file chooses the program, packageManager its version', () => {
  const install = (lock: string, pkg = {}, yarnLock?: string) =>
    plan({ pkg: { dependencies, ...pkg }, paths: [lock], ...(yarnLock ? { yarnLock } : {}) }).install
  assert.equal(install('package-lock.json')?.get, null)
  assert.equal(install('package-lock.json', { packageManager: 'npm@11.0.1' })?.get, 'npm@11.0.1')
  assert.equal(install('pnpm-lock.yaml', { packageManager: 'pnpm@9.1.0+sha512.abc' })?.get, 'pnpm@9.1.0')
  assert.equal(install('yarn.lock')?.program, 'yarn')
  const berry = '__metadata:\n  version: 8\n'
  assert.equal(install('yarn.lock', { packageManager: 'yarn@4.5.0' }, berry)?.get, '@yarnpkg/cli-dist@4.5.0')
  assert.throws(() => install('yarn.lock', {}, berry), /yarn.lock is of Yarn 2 or later/)
})

test('what an install needs from the repository decides whether the app can be assembled', () => {
  const why = (pkg: object, more: string[] = []) =>
    plan({ pkg: { dependencies, ...pkg }, paths: ['package-lock.json', ...more] }).notAssembled
  assert.equal(why({}), null)
  assert.match(why({ scripts: { build: 'x' } }) ?? '', /script "build"/)
  assert.match(why({ scripts: { postinstall: 'x' } }) ?? '', /script "postinstall"/)
  assert.match(why({ workspaces: ['a'] }) ?? '', /workspaces/)
  for (const version of ['file:../a', 'link:a', '../a', 'workspace:*', 'patch:a'])
    assert.match(why({ dependencies: { a: version } }) ?? '', /the dependency a is a path/, version)
  assert.match(why({ resolutions: { a: 'patch:a@1#.yarn/patches/a' } }) ?? '', /the dependency a is a path/)
  assert.match(why({}, ['patches/a.patch']) ?? '', /patches dependencies/)
  const prisma = { dependencies: { '@prisma/client': '6' } }
  assert.equal(why(prisma), null)
  assert.match(why(prisma, ['prisma/schema.prisma']) ?? '', /made from the repository's schema/)
})

test('the start command is the script, else a file; without npm in between, and a plain one without a shell', () => {
  const start = (pkg: object, ...paths: string[]) => plan({ pkg, paths, startIsSaid: false }).start
  assert.deepEqual(start({ scripts: { start: 'node --no-warnings src/a.js' } }), ['node', '--no-warnings', 'src/a.js'])
  assert.deepEqual(start({ scripts: { start: 'node a.js && x' } }), ['/bin/sh', '-c', 'node a.js && x'])
  assert.deepEqual(start({ scripts: { start: 'node a.js', prestart: 'x' } }), ['npm', 'start'])
  assert.deepEqual(start({ main: './app.js' }, 'app.js'), ['node', './app.js'])
  assert.deepEqual(start({ main: 'app' }, 'app.js'), ['node', 'app.js'])
  assert.deepEqual(start({ main: './lib' }, 'lib/index.js'), ['node', './lib/index.js'])
  assert.deepEqual(start({ main: false }, 'index.js'), ['node', 'index.js'])
  assert.deepEqual(start({}, 'server.js', 'index.js'), ['node', 'server.js'])
  assert.throws(() => start({}), /nothing says how to start this app/)
})

test('another Node than asked for is a warning, and so is node_modules in the repository', () => {
  assert.deepEqual(plan({ pkg: { engines: { node: '>=99' } } }).warnings, [
    'package.json asks for Node >=99; this image has Node 24.21.0. There are 14, 16, 18, 20, 22, 24, 26',
  ])
  assert.deepEqual(plan({ pkg: { engines: { node: '^22 || 24.x' } } }).warnings, [])
  assert.match(plan({ pkg: {}, paths: ['node_modules/a/b'] }).warnings[0] ?? '', /^node_modules is in the repository/)
})

test('a package.json that is none is refused', () => {
  refused({ pkg: '{' }, /^package.json: /)
  refused({ pkg: { scripts: { build: 1 } } }, /^package.json: scripts.build: /)
  assert.equal(plan({ pkg: { scripts: { '//': ['a note'] } } }).notAssembled, null)
})
