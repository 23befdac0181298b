import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { label } from '../../core/labels.ts'
import { registryName } from '../../core/names.ts'
import { systemClock } from '../../core/system.ts'
import { reservedInterface } from '../host/addresses.ts'
import { stopEngine } from './boot.ts'
import { isDeadSwarm, readSwarm } from '../swarm/swarm-state.ts'
import { commandLinkRemoval } from '../host/command-link.ts'
import { isOurs } from './down.ts'
import { engine, engineAnswers, filters, find } from '../swarm/engine-call.ts'
import { removeEngineNetwork } from '../swarm/engine-network.ts'
import { isMissing, readIfThere } from '../../lib/files.ts'
import { removeInterface } from '../host/network.ts'
import { missingPackages, purgePackages, recordedPackages } from '../host/packages.ts'
import { paths } from '../paths.ts'
import { imageNames } from '../images/recipes.ts'
import { runProgram } from '../host/run-program.ts'
import type { Step } from '../steps/steps.ts'
import { gatewayBridge, platformLabels } from '../swarm/swarm.ts'
import { waitFor } from '../steps/waiting.ts'

/**
 * After `down`: removes what is ours and nothing else. By label in the engine (law: only-ours-is-deleted), by name
 * where we chose it. The engine itself goes only if we installed it and nothing of anybody else is in it.
 */
export function purgeSteps(machine: { readonly hasSystemd: boolean; readonly hasDeadSwarm: boolean }): Step[] {
  return [
    swarmObjects('services', 'swarm services'),
    containers(),
    swarmObjects('configs', 'swarm configs'),
    swarmObjects('secrets', 'swarm secrets'),
    networks(),
    swarm(machine),
    images(),
    volumes(),
    firewall(machine),
    enginePackages(machine),
    commandLinkRemoval(),
    files(),
  ]
}

const labelled = z.object({ ID: z.string(), Spec: z.object({ Labels: z.record(z.string(), z.string()).nullish() }) })

function swarmObjects(kind: 'services' | 'configs' | 'secrets', title: string): Step {
  const ours = async (signal: AbortSignal) => {
    if (!(await isOurs(signal))) return []
    const list = z.array(labelled).parse(await engine.json({ method: 'GET', path: `/${kind}` }, signal))
    return list.filter(each => isLabelled(each.Spec.Labels ?? {})).map(each => each.ID)
  }
  return removing(title, ours, (id, signal) => engine.json({ method: 'DELETE', path: `/${kind}/${id}` }, signal))
}

function isLabelled(labels: Readonly<Record<string, string>>): boolean {
  return label.app in labels || label.role in labels
}

const containerList = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()) }))

/** Those of removed swarm services go by themselves, in a moment; the others are stopped already. */
function containers(): Step {
  const ours = async (signal: AbortSignal) => {
    if (!(await engineAnswers(signal))) return []
    const list = await engine.json({ method: 'GET', path: '/containers/json', query: { all: true } }, signal)
    return containerList
      .parse(list)
      .filter(each => isLabelled(each.Labels))
      .map(each => each.Id)
  }
  return removing('containers', ours, (id, signal) =>
    ifThere(engine.json({ method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } }, signal)),
  )
}

const networkList = z.array(
  z.object({ Id: z.string(), Name: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
)

function networks(): Step {
  const ours = async (signal: AbortSignal) => {
    if (!(await engineAnswers(signal))) return []
    const list = networkList.parse(await engine.json({ method: 'GET', path: '/networks' }, signal))
    return list.filter(each => each.Name !== gatewayBridge && isLabelled(each.Labels ?? {})).map(each => each.Id)
  }
  // A network is in use for a moment after its last container has gone.
  const remove = async (id: string, signal: AbortSignal) => {
    const gone = async () => {
      try {
        await ifThere(engine.json({ method: 'DELETE', path: `/networks/${id}` }, signal))
        return true
      } catch (error) {
        if (error instanceof AppError && error.code !== 'internal') return null
        throw error
      }
    }
    await waitFor({ title: `network ${id} stays in use`, seconds: 30 }, gone, { clock: systemClock, signal })
  }
  return removing('networks', ours, remove)
}

/** A swarm that carries someone else's services stays; one that does not start shows none, and is ours (checks.ts). */
function swarm({ hasDeadSwarm }: { readonly hasDeadSwarm: boolean }): Step {
  const isDead = async (signal: AbortSignal) =>
    hasDeadSwarm && (await engineAnswers(signal)) && isDeadSwarm(await readSwarm(signal))
  const foreign = async (signal: AbortSignal) =>
    z.array(z.unknown()).parse(await engine.json({ method: 'GET', path: '/services' }, signal)).length
  const bridgeIsOurs = async (signal: AbortSignal) => {
    if (!(await engineAnswers(signal))) return false
    const found = await find({ method: 'GET', path: `/networks/${gatewayBridge}` }, signal)
    const view = z.object({ Labels: z.record(z.string(), z.string()).nullish() }).safeParse(found)
    return view.success && view.data.Labels?.[label.role] === platformLabels[label.role]
  }
  return {
    title: 'swarm',
    check: async signal => {
      if (await isOurs(signal))
        return (await foreign(signal)) > 0 ? 'kept: it carries services that are not ours' : null
      return (await isDead(signal)) || (await bridgeIsOurs(signal)) ? null : 'left'
    },
    act: async (_say, signal) => {
      if ((await isOurs(signal)) || (await isDead(signal)))
        await engine.json({ method: 'POST', path: '/swarm/leave', query: { force: true } }, signal)
      await ifThere(engine.json({ method: 'DELETE', path: `/networks/${gatewayBridge}` }, signal))
    },
  }
}

const imageList = z.array(
  z.object({ Id: z.string(), RepoTags: z.array(z.string()).nullish(), RepoDigests: z.array(z.string()).nullish() }),
)

/**
 * Of image names, those of the platform, and of what came from our registry. `up` writes to it through a loopback port
 * that differs each time; others may have a registry on the loopback too.
 */
export function ourImages(names: readonly string[]): string[] {
  const platform = new RegExp(`^(127\\.0\\.0\\.1:\\d+/)?lading/(${imageNames.join('|')})[:@]`)
  return names.filter(name => (platform.test(name) || name.startsWith(`${registryName}/`)) && !name.endsWith('@<none>'))
}

/** By name. Nothing is pruned (law: only-ours-is-deleted). */
function images(): Step {
  const ours = async (signal: AbortSignal) => {
    if (!(await engineAnswers(signal))) return []
    const list = imageList.parse(await engine.json({ method: 'GET', path: '/images/json' }, signal))
    return ourImages(list.flatMap(each => [...(each.RepoTags ?? []), ...(each.RepoDigests ?? [])]))
  }
  return removing('images', ours, (name, signal) =>
    ifThere(engine.json({ method: 'DELETE', path: `/images/${name}`, query: { force: true } }, signal)),
  )
}

const volumeList = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() })

function volumes(): Step {
  const ours = async (signal: AbortSignal) => {
    if (!(await engineAnswers(signal))) return []
    const query = filters({ name: ['lading-builder'] })
    const list = volumeList.parse(await engine.json({ method: 'GET', path: '/volumes', query }, signal))
    return (list.Volumes ?? []).map(each => each.Name).filter(name => name === 'lading-builder')
  }
  return removing('volumes', ours, (name, signal) =>
    engine.json({ method: 'DELETE', path: `/volumes/${name}` }, signal),
  )
}

/** Those that were not there before us and that no one else needs by now. */
function enginePackages(machine: { readonly hasSystemd: boolean }): Step {
  return {
    title: 'packages',
    check: async signal => {
      const left = await installedByUs()
      if (left.length === 0) return 'removed'
      return left.includes('docker.io') && (await holdsOthers(signal))
        ? 'kept: the engine holds things that are not ours'
        : null
    },
    act: async (say, signal) => {
      const engineGoes = (await installedByUs()).includes('docker.io')
      if (engineGoes) {
        await stopEngine(machine.hasSystemd, signal)
        await removeEngineNetwork(signal)
      }
      const kept = await purgePackages(await installedByUs(), say, signal)
      if (kept.length > 0) say(`kept, for others need them: ${kept.join(' ')}`)
      if (engineGoes) await Promise.all(['/var/lib/docker', '/var/lib/containerd'].map(emptyFolder))
      await rm(paths.packages, { force: true })
    },
  }
}

async function installedByUs(): Promise<string[]> {
  const recorded = await recordedPackages()
  const missing = new Set(await missingPackages(recorded))
  return recorded.filter(name => !missing.has(name))
}

async function holdsOthers(signal: AbortSignal): Promise<boolean> {
  if (!(await engineAnswers(signal))) return false
  const count = async (path: string, query = {}) => {
    const list = await engine.json({ method: 'GET', path, query }, signal)
    return (Array.isArray(list) ? list : (volumeList.parse(list).Volumes ?? [])).length
  }
  const counts = [count('/containers/json', { all: true }), count('/images/json'), count('/volumes')]
  return (await Promise.all(counts)).some(each => each > 0)
}

/** The folder itself may be a mount. */
async function emptyFolder(path: string): Promise<void> {
  await Promise.all((await namesIn(path)).map(name => rm(`${path}/${name}`, { recursive: true, force: true })))
}

function firewall(machine: { readonly hasSystemd: boolean }): Step {
  const hasNft = async () => (await missingPackages(['nftables'])).length === 0
  return {
    title: 'firewall and address',
    check: async signal => {
      if ((await readIfThere(paths.unit)) !== null) return null
      if (!(await hasNft())) return 'removed'
      const tables = await runProgram('nft', ['list', 'tables'], {}, signal)
      return tables.split('\n').includes('table inet lading') ? null : 'removed'
    },
    act: async (_say, signal) => {
      if (machine.hasSystemd && (await readIfThere(paths.unit)) !== null) {
        await runProgram('systemctl', ['disable', 'lading-boot.service'], {}, signal)
        await rm(paths.unit)
        await runProgram('systemctl', ['daemon-reload'], {}, signal)
      }
      const text = 'table inet lading\ndelete table inet lading\n'
      if (await hasNft()) await runProgram('nft', ['-f', '-'], { input: text }, signal)
      await removeInterface(reservedInterface, signal)
    },
  }
}

/** The record of packages stays for as long as they do, so that a later purge can remove them. */
function files(): Step {
  const left = async () => {
    const record = await readIfThere(paths.packages)
    const inEtc = (await namesIn(paths.etc)).map(name => join(paths.etc, name))
    const etc = record === null ? [paths.etc] : inEtc.filter(path => path !== paths.packages)
    const all = [paths.state, paths.run, paths.engineLog, ...etc]
    const there = await Promise.all(all.map(async path => (await namesIn(dirname(path))).includes(basename(path))))
    return all.filter((_, at) => there[at])
  }
  return {
    title: 'files',
    check: async () => ((await left()).length === 0 ? `${paths.etc}, ${paths.state} removed` : null),
    act: async () => {
      for (const path of await left()) await rm(path, { recursive: true, force: true })
    },
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** A step that is done when the list is empty. */
function removing(
  title: string,
  list: (signal: AbortSignal) => Promise<readonly string[]>,
  remove: (id: string, signal: AbortSignal) => Promise<unknown>,
): Step {
  return {
    title,
    check: async signal => ((await list(signal)).length === 0 ? 'removed' : null),
    act: async (say, signal) => {
      for (const id of await list(signal)) {
        say(id)
        await remove(id, signal)
      }
    },
  }
}

/** What is gone already is as good as removed. */
async function ifThere(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'not-found')) throw error
  }
}
