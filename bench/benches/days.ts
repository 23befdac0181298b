import { appendFile, copyFile, writeFile } from 'node:fs/promises'
import { eventually } from '../../test/rig/eventually.ts'
import type { Host } from '../../test/rig/host.ts'
import { Rig } from '../../test/rig/rig.ts'
import { Platform } from '../../test/e2e/host.ts'
import { loadImages, saveImages } from '../../test/e2e/images-cache.ts'
import type { BenchApp } from '../app.ts'
import type { Bench, BenchContext } from '../bench.ts'
import { median } from '../framework/numbers.ts'
import type { BenchResult } from '../framework/result.ts'
import type { Site } from '../site.ts'

const lading = '/opt/lading/lading'
const file = '/root/lading.age'

/** U13: the operator's own waits. */
export const days: Bench = {
  name: 'days',
  what: 'a second `lading up`, an upgrade, a backup of 20 apps, and its restore on a bare machine',

  async run(context: BenchContext): Promise<BenchResult> {
    const site = await context.site()
    const rounds = context.quick ? 1 : 5
    const again: number[] = []
    for (let round = 0; round < rounds; round++)
      again.push(await seconds(() => site.host.run([lading, 'up', '--no-hello'], { cwd: '/opt/lading' })))
    const upgrades: number[] = []
    for (let round = 0; round < (context.quick ? 1 : 3); round++) upgrades.push(await upgrade(site.host))
    const apps: BenchApp[] = []
    for (let n = 0; n < (context.quick ? 2 : 20); n++) {
      context.signal.throwIfAborted()
      const app = await site.app({ name: 'day', source: 'hello' })
      await app.commitVersion(`day ${n}`)
      await app.deploy()
      apps.push(app)
    }
    const backups: number[] = []
    for (let round = 0; round < rounds; round++)
      backups.push(await seconds(() => site.host.run([lading, 'backup', '--json'])))
    const { whole, size } = await restore(site, apps, context)
    return {
      rows: [
        { what: 'a second "lading up", which changes nothing', unit: 's', values: again },
        { what: '"lading upgrade" to another control plane and keeper, images made', unit: 's', values: upgrades },
        { what: `"lading backup" of ${apps.length} apps, opened again`, unit: 's', values: backups },
        { what: `its size, of ${apps.length} apps`, unit: 'MB', values: [size / 1e6] },
        {
          what: `"lading restore" on a machine with the images, until ${apps.length} apps answer`,
          unit: 's',
          values: [whole],
        },
      ],
      bars: [
        { id: 'U2.second', what: 'a second up', value: median(again), limit: 15, unit: 's', direction: 'at most' },
      ],
      notes: [
        'The restored machine has the engine, and the platform’s images of an earlier installation; every app is built again from its commit.',
        '30 s of an upgrade are the proof: the new control plane keeps its lease for three of its lengths before its listeners open.',
      ],
    }
  },
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

/** To images that differ by a label. */
async function upgrade(host: Host): Promise<number> {
  for (const name of ['keeper', 'control'])
    await appendFile(await host.path(`/opt/lading/images/${name}/Dockerfile`), `LABEL bench=${Date.now()}\n`)
  return seconds(() => host.run([lading, 'upgrade'], { cwd: '/opt/lading' }))
}

async function restore(site: Site, apps: readonly BenchApp[], { say }: BenchContext) {
  await saveImages(site.host)
  await site.host.run(['rm', '-rf', '/root/out'])
  const made = JSON.parse(await site.host.run([lading, 'backup', '--to', '/root/out', '--json'])) as {
    readonly name: string
    readonly size: number
  }
  const control = ['docker', 'ps', '--quiet', '--filter', 'label=com.docker.swarm.service.name=lading-control']
  const code = await site.host.run([
    'docker',
    'exec',
    await site.host.run(control),
    'cat',
    '/run/secrets/lading-data-key',
  ])
  const rig = new Rig({ name: 'bench2', say })
  await rig.down()
  try {
    const bare = await rig.up({ name: 'bare', debian: 'trixie' })
    await loadImages(bare)
    // The images differ by the label of the upgrade: the same files make the same images.
    for (const name of ['keeper', 'control']) {
      const path = `/opt/lading/images/${name}/Dockerfile`
      await copyFile(await site.host.path(path), await bare.path(path))
    }
    await copyFile(await site.host.path(`/root/out/${made.name}`), await bare.path(file))
    await writeFile(await bare.path('/root/code'), `${code}\n`)
    const argv = [lading, 'restore', file, '--passphrase-file', '/root/code']
    const whole = await seconds(async () => {
      await bare.run(argv, { cwd: '/opt/lading' })
      const restored = new Platform(bare, site.platform.domain, site.platform.token)
      for (const app of apps)
        await eventually(`${app.name} answers`, async () => (await restored.get(app.hostName)).status === 200)
    })
    return { whole, size: made.size }
  } finally {
    await rig.down()
  }
}
