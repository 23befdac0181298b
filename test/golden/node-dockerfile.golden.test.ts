import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseImageReference } from '../../src/core/names.ts'
import { dependenciesDockerfile, nodeDockerfile } from '../../src/build/stacks/node/dockerfile.ts'
import { planNode } from '../../src/build/stacks/node/package.ts'

const node = parseImageReference(`127.0.0.1:5443/lading/node@sha256:${'0'.repeat(64)}`)
const base = parseImageReference(`127.0.0.1:5443/lading/base@sha256:${'1'.repeat(64)}`)
const images = { base, node }

const cases = {
  'npm-built': {
    packageJson: {
      main: 'server.js',
      dependencies: { ms: '2' },
      devDependencies: { vite: '8' },
      scripts: { build: 'vite' },
    },
    paths: ['package.json', 'package-lock.json', '.npmrc', 'server.js'],
  },
  'npm-dependencies': {
    packageJson: { main: 'server.js', dependencies: { ms: '2' } },
    paths: ['package.json', 'package-lock.json', 'server.js'],
  },
  'pnpm-workspaces': {
    packageJson: {
      scripts: { start: 'node a/b.js' },
      packageManager: 'pnpm@10.4.1',
      dependencies: { a: 'workspace:*' },
    },
    paths: ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'],
  },
  'pnpm-starts': {
    packageJson: { scripts: { start: 'pnpm run serve' }, packageManager: 'pnpm@10.4.1', dependencies: { ms: '2' } },
    paths: ['package.json', 'pnpm-lock.yaml'],
  },
  'own-scripts': {
    packageJson: { main: 'server.js', scripts: { postinstall: 'node prepare.js' } },
    paths: ['package.json', 'server.js', 'prepare.js'],
  },
  'yarn-berry': {
    packageJson: { main: 'server.js', packageManager: 'yarn@4.5.0', dependencies: { ms: '2' } },
    yarnLock: '__metadata:\n  version: 8\n',
    paths: ['package.json', 'yarn.lock', '.yarnrc.yml', 'server.js'],
  },
  'yarn-berry-workspaces': {
    packageJson: { main: 'server.js', packageManager: 'yarn@4.5.0', workspaces: ['packages/*'] },
    yarnLock: '__metadata:\n  version: 8\n',
    paths: ['package.json', 'yarn.lock', 'packages/a/package.json', 'server.js'],
  },
} as const

for (const [name, { packageJson, paths, ...more }] of Object.entries(cases)) {
  test(`the Dockerfile of "${name}"`, () => {
    const plan = planNode({
      packageJson: JSON.stringify(packageJson),
      yarnLock: 'yarnLock' in more ? more.yarnLock : null,
      paths: new Set<string>(paths),
      startIsSaid: false,
      commands: [],
      asked: null,
      members: [],
      nodeVersion: '24.21.0',
    })
    const actual =
      plan.notAssembled === null
        ? dependenciesDockerfile(plan.install!, plan.node, images)
        : nodeDockerfile(plan, images)
    const expected = join(import.meta.dirname, 'node-dockerfile', `${name}.Dockerfile`)
    if (process.env['UPDATE_GOLDEN'] || !existsSync(expected)) writeFileSync(expected, actual)
    assert.equal(actual, readFileSync(expected, 'utf8'))
  })
}
