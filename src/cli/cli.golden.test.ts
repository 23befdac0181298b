import assert from 'node:assert/strict'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { parseBranchName } from '../core/names.ts'
import { makeTestApi, shop } from '../../test/doubles/api.ts'
import { CliRig, type Result } from '../../test/doubles/cli-rig.ts'

/**
 * Each file of golden/ is a session at a prompt: lines that start with `$` are typed, what follows is what a person
 * sees (`!` marks stderr, which comes first; the last line a code other than 0). A new case is a new file with commands alone; run with
 * UPDATE_GOLDEN=1 to have the rest written, and read it.
 */
const folder = new URL('golden/', import.meta.url)
const rigs: CliRig[] = []
after(() => Promise.all(rigs.map(rig => rig.close())))

for (const file of await readdir(folder)) {
  test(`the session ${file} reads as it did`, async () => {
    const golden = await readFile(new URL(file, folder), 'utf8')
    const rig = await rigWithWorld()
    let seen = ''
    for (const line of golden.split('\n').filter(line => line.startsWith('$ '))) {
      const args = line.slice('$ lading'.length).match(/'[^']*'|[^ ]+/g) ?? []
      seen += `${line}\n${transcript(await rig.lading(args.map(arg => arg.replaceAll("'", ''))))}\n`
    }
    if (process.env['UPDATE_GOLDEN']) await writeFile(new URL(file, folder), seen)
    else assert.equal(seen, golden)
  })
}

/** What `lading detect` and `lading check` are asked about. */
const folders = {
  'go-app/go.mod': 'module example.com/shop\n\ngo 1.25.0\n',
  'go-app/main.go': 'package main\n',
  'go-app/requirements.txt': 'requests==2.32.5\n',
  'go-app/node_modules/x/package.json': '{}',
  'services/api/Dockerfile': 'FROM debian:trixie\n',
  'services/web/Dockerfile': 'FROM debian:trixie\n',
  'services/compose.yaml': 'services: {}\n',
  'pages/public/index.html': '<p>hello</p>\n',
  'leaky/Gemfile': 'gem "rack"\n',
  // In two parts, so that no tool that looks for secrets finds one here.
  'leaky/config.rb': `KEY = 'AK${'IA'}QZ7RT2XWPL9NMKJ4'\n`,
}

async function rigWithWorld(): Promise<CliRig> {
  const { api, store, repositories, world } = await makeTestApi()
  const rig = await CliRig.make()
  rigs.push(rig)
  await rig.serveSocket(api)
  rig.environment['LADING_APP'] = 'shop'
  await rig.lading(['create', 'shop', '--no-remote'])
  for (const [path, text] of Object.entries(folders)) {
    await mkdir(dirname(join(rig.work, path)), { recursive: true })
    await writeFile(join(rig.work, path), text)
  }
  const first = repositories.addCommit(shop.app, { files: { 'server.js': '1' } })
  const second = repositories.addCommit(shop.app, { files: { 'server.js': '2' } })
  repositories.addTag(shop.app, 'v-one', first)
  const move = { from: null, to: second }
  await repositories.moveBranch(shop.app, parseBranchName('main'), move, new AbortController().signal)
  await store.createApp('quiet' as never, 'ann', 1_700_000_000_000)
  const one = world.process('web.1', { release: 1 })
  world.process('web.2', { release: 1, proof: 'checking', lastCheck: 'connection refused' })
  world.process('worker.1', { release: 1, proof: 'none', state: 'exited', exitCode: 3 })
  world.log(one.container, '2026-11-24T10:00:00.123456789Z', 'listening on 8080')
  world.log('router', '2026-11-24T10:00:01.5Z', 'at=info method=GET path="/" status=200')
  return rig
}

/** What the eye sees; ids and times, which differ each time, by their kind. */
function transcript({ out, err, code }: Result): string {
  const progress = err.split('\n').slice(0, -1)
  const lines = [
    ...progress.map(line => `! ${line}`),
    ...out.split('\n').slice(0, -1),
    ...(code === 0 ? [] : [`(code ${code})`]),
  ]
  return lines
    .map(line =>
      line
        .replace(/\b0[0-9a-z]{13}\b/g, '<id_of_a_run_>')
        .replace(/lading_[0-9a-f]{64}/g, '<token>')
        .replace(/(?<=^|\()[0-9a-f]{8}(?=  |\))/, '<ident_>')
        .replace(/\b20\d\d-\d\d-\d\d \d\d:\d\d\b/g, '<date_and_time_>')
        .replace(/"(createdAt|changedAt|at)": ?\d+/g, '"$1": 0'),
    )
    .join('\n')
}
