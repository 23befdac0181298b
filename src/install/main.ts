import { setMaxListeners } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { defaultSchedule } from '../backup/backups.ts'
import { readManifest } from '../backup/unpack.ts'
import { AppError, asAppError, unreachable } from '../core/errors.ts'
import { parseHostName } from '../core/names.ts'
import { systemClock } from '../core/system.ts'
import { visibleJson } from '../core/visible.ts'
import { backup } from './commands/backup.ts'
import { writeBugReport } from './commands/bug-report.ts'
import { bootNode, startDeadEngine, startEngine } from './commands/boot.ts'
import { lookAtAll, machineChecks, type Check } from './host/checks.ts'
import { doctorChecks } from './commands/doctor.ts'
import { downSteps } from './commands/down.ts'
import { engineAnswers } from './swarm/engine-call.ts'
import { followerStep } from './platform/follower.ts'
import { groundSteps } from './steps/ground.ts'
import { helloStep, ownTraffic } from './platform/hello.ts'
import { imageSteps, saveImages } from './images/images.ts'
import { keeperStep, listKeepers } from './platform/keeper.ts'
import { readMachine, type Machine } from './host/machine.ts'
import { oldImagesStep } from './commands/old-images.ts'
import { parseCommand, type Command, type DoctorOptions, type DownOptions } from './options.ts'
import type { RestoreOptions } from './options/restore.ts'
import { asBefore, type UpOptions } from './options/up.ts'
import { missingPackages, recordedPackages } from './host/packages.ts'
import { checkout, paths } from './paths.ts'
import { platformSteps } from './platform/platform.ts'
import { portTable } from './firewall/ports-to-open.ts'
import { printError, ignoreClosedPipes, print, progress as startProgress } from './printer.ts'
import type { StepProgress } from './steps/progress.ts'
import { proxyFor } from './host/proxy.ts'
import { purgeSteps } from './commands/purge.ts'
import { platformVersion } from './images/recipes.ts'
import { report } from './commands/report.ts'
import {
  endRestore,
  keysStep,
  openStep,
  refuseBeside,
  refuseOccupied,
  rowsStep,
  waitForApps,
} from './commands/restore.ts'
import { rotate } from './commands/rotate.ts'
import { Site } from './steps/site.ts'
import { runSteps } from './steps/steps.ts'
import { isDeadSwarm, requireOwnSwarm, settledSwarm } from './swarm/swarm-state.ts'
import { trustSteps } from './swarm/trust.ts'
import { beginUpgrade, checkUpgrade, endWayBack, isUpgradeUnfinished, withWayBack } from './commands/upgrade.ts'

/** From a bare Debian, or from wherever an earlier run got to, to a platform that serves `hello`. Idempotent. */
export async function up(options: UpOptions, signal: AbortSignal): Promise<void> {
  const machine = await readMachine(options.checkOnly ? 'up --check' : 'up')
  const site = await Site.load()
  const progress = startProgress()
  print(`Lading on Debian ${machine.debian}, node ${machine.node}\n\n`)
  if (options.checkOnly) return checkOnly(site, machineChecks(site, options.clusterAddress), progress, signal)
  const domainBefore = await converge({ site, machine, options, progress }, signal)
  if (options.hello) await runSteps([helloStep(site)], progress, signal)
  await report({ site, domainBefore, hasSystemd: machine.hasSystemd }, signal)
}

/** `up` on an installed machine, when nothing is wrong there: what is broken now would be what it goes back to. */
export async function upgrade(options: UpOptions, signal: AbortSignal): Promise<void> {
  const machine = await readMachine('upgrade')
  const site = await Site.load()
  const before = site.decisions.images['control']?.key
  const progress = startProgress()
  print(`Lading ${await platformVersion()} for Debian ${machine.debian}, node ${machine.node}\n\n`)
  await startDeadEngine(site, machine.hasSystemd, signal)
  const checks = (await isUpgradeUnfinished())
    ? []
    : doctorChecks(site, machine, []).filter(({ stopsUpgrade }) => stopsUpgrade)
  const found = await lookAtAll(checks, progress, signal)
  if (found.some(({ obstacles }) => obstacles.length > 0))
    throw new AppError('conflict', 'something is wrong with the platform, and nothing was changed', {
      hint: 'The fix stands after each arrow. To upgrade all the same: lading up --no-hello',
    })
  const start = systemClock.monotonic()
  await converge({ site, machine, options, progress }, signal)
  const after = site.decisions.images['control']?.key
  const seconds = ((systemClock.monotonic() - start) / 1000).toFixed(0)
  const what = before === after ? 'This version serves already' : `Upgraded to ${await platformVersion()}`
  print(`\n${what}: control plane ${after}, ${seconds} s. All versions: lading version\n`)
}

interface Convergence {
  readonly site: Site
  readonly machine: Machine
  readonly options: UpOptions
  readonly progress: StepProgress
}

/** Makes this machine what this checkout says. A control plane that is replaced can come back (docs/design/upgrade.md). */
async function converge({ site, machine, options, progress }: Convergence, signal: AbortSignal): Promise<string> {
  await startDeadEngine(site, machine.hasSystemd, signal)
  await runSteps(groundSteps(site, machine, options), progress, signal)
  await endWayBack(progress, signal)
  const domainBefore = site.decisions.baseDomain
  if (options.domain !== null) await site.change({ baseDomain: options.domain })
  const proxy = proxyFor(options.proxy, site.decisions.proxy)
  if (!isDeepStrictEqual(proxy, site.decisions.proxy)) await site.change({ proxy })
  await runSteps([...imageSteps(site, options), ...trustSteps()], progress, signal)
  const record = await beginUpgrade(site, progress, signal)
  const proving = record && { snapshot: record.snapshot, seconds: options.patience }
  const steps = [
    keeperStep(site, options.balancers),
    followerStep(site),
    ...platformSteps(site, proving),
    ownTraffic(site),
  ]
  await withWayBack(record, steps, progress, signal)
  await runSteps([oldImagesStep(site)], progress, signal)
  return domainBefore
}

/** Within it the control plane has made all repositories again; the listeners open after that (s). */
const restoreSeconds = 3600

/** A bare machine becomes the platform that a backup was made of (docs/design/backup.md). Idempotent. */
export async function restore(options: RestoreOptions, signal: AbortSignal): Promise<void> {
  const machine = await readMachine('restore')
  const site = await Site.load()
  const progress = startProgress()
  await refuseOccupied()
  await runSteps([openStep(options)], progress, signal)
  const manifest = await readManifest(paths.opened)
  if (!options.beside) await refuseBeside(manifest, signal)
  const domain = options.domain ?? parseHostName(manifest.baseDomain)
  const asUp: UpOptions = { ...asBefore, ...options, domain }
  await startDeadEngine(site, machine.hasSystemd, signal)
  await runSteps(groundSteps(site, machine, asUp), progress, signal)
  // Whether the example was deployed there is in the backup.
  await site.change({ baseDomain: domain, helloDeployed: true })
  const platform = [...platformSteps(site, null, restoreSeconds), ownTraffic(site)]
  const own = [keysStep(), ...trustSteps(), rowsStep()]
  await runSteps(
    [...imageSteps(site, asUp), ...own, keeperStep(site), followerStep(site), ...platform],
    progress,
    signal,
  )
  const failed = await appsBack(progress, signal)
  await endRestore()
  await report({ site, domainBefore: domain, hasSystemd: machine.hasSystemd }, signal)
  if (failed.length === 0) return
  throw new AppError(
    'not-healthy',
    failed.length === 1 ? 'one app is not back' : `${failed.length} apps are not back`,
    {
      details: failed,
      hint: 'The others are. Fix the cause, then "lading deploy" or a push brings each back.',
    },
  )
}

async function appsBack(progress: StepProgress, signal: AbortSignal): Promise<readonly string[]> {
  await using line = progress.begin('apps')
  line.working()
  const failed = await waitForApps(text => line.say(text), signal)
  if (failed.length === 0) line.done('what served in the backup serves here')
  else line.failed(`${failed.length} not back`, 'see below')
  return failed
}

/** Says of each check how it went, and changes nothing; rejects `conflict` when one stands in the way. */
async function checkOnly(
  site: Site,
  checks: readonly Check[],
  progress: StepProgress,
  signal: AbortSignal,
): Promise<void> {
  // Before the first `up` it is in no one's PATH.
  const lading = site.decided ? 'lading' : `${checkout}/lading`
  const found = await lookAtAll(checks, progress, signal)
  print(`\n${portTable}\n`)
  if (found.some(({ obstacles }) => obstacles.length > 0))
    throw new AppError('conflict', 'this machine is not ready for Lading', {
      hint: `Clear these away, then run "${lading} up --check" again; nothing was changed.`,
    })
  print(`\nThis machine is ready: ${lading} up\n`)
}

/** Finds what is wrong with the platform on this machine, and says what fixes it. Changes nothing. */
export async function doctor({ json, bundle }: DoctorOptions, signal: AbortSignal): Promise<void> {
  const machine = await readMachine('doctor')
  const site = await Site.load({ keepsNothing: true })
  // Rejects where nothing is installed.
  const { node } = site.decisions
  const made = [
    ...imageSteps(site, asBefore),
    ...trustSteps(),
    keeperStep(site),
    followerStep(site),
    ...platformSteps(site),
  ]
  const steps = [...groundSteps(site, machine, asBefore), ...made, ownTraffic(site)]
  const progress = json ? null : startProgress()
  if (!json) print(`Lading ${await platformVersion()} on Debian ${machine.debian}, node ${node}\n\n`)
  const checks = [...doctorChecks(site, machine, steps), { title: 'upgrade', look: checkUpgrade }]
  const found = await lookAtAll(checks, progress, signal)
  const diagnosis = visibleJson({ version: await platformVersion(), node, checks: found }, 2)
  if (json) print(`${diagnosis}\n`)
  if (bundle !== null) {
    const keepers = (await engineAnswers(signal)) ? (await listKeepers(signal)).map(({ name }) => name) : []
    await writeBugReport(bundle, { diagnosis, keepers }, signal)
    if (!json) print(`\n${bundle}: for a bug report. Secrets are masked; names of apps and hosts are not.\n`)
  }
  const count = found.flatMap(({ obstacles }) => obstacles).length
  if (count > 0)
    throw new AppError('conflict', count === 1 ? 'one thing is wrong' : `${count} things are wrong`, {
      hint: json ? 'Each has its "next".' : 'The fix stands after each arrow.',
    })
  if (!json) print('\nNothing is wrong.\n')
}

/** Stops all that is ours and keeps the data; with `purge` and `yes`, removes all that is ours. Idempotent. */
export async function down(options: DownOptions, signal: AbortSignal): Promise<void> {
  if (options.purge && !options.yes) {
    throw new AppError(
      'invalid-input',
      'this removes every app, its data, the platform and what was installed for it',
      {
        hint: 'If that is what you want: lading down --purge --yes',
      },
    )
  }
  const machine = await readMachine('down')
  const site = await Site.load()
  const progress = startProgress()
  await startDeadEngine(site, machine.hasSystemd, signal)
  if (options.purge && (await missingPackages(['docker.io'])).length === 0)
    await startEngine(machine.hasSystemd, signal)
  const swarm = site.decided && (await engineAnswers(signal)) ? await settledSwarm(signal) : null
  if (swarm !== null && !options.purge) requireOwnSwarm(swarm, site)
  const hasDeadSwarm = options.purge && swarm !== null && isDeadSwarm(swarm)
  await runSteps(downSteps(), progress, signal)
  if (options.purge) await runSteps(purgeSteps({ ...machine, hasDeadSwarm }), progress, signal)
  print(`\n${await outcome(options)}\n`)
}

async function outcome({ purge }: DownOptions): Promise<string> {
  const said = await whatIsLeft(purge)
  const backups = purge ? await backupsLeft() : 0
  if (backups === 0) return said
  return `${said}\nYour ${backups} backups stay, in ${defaultSchedule.to}: "lading restore FILE" makes a bare machine of them what this one was.`
}

/** No one's backups go with what they are backups of. */
async function backupsLeft(): Promise<number> {
  const names = await readdir(defaultSchedule.to).catch(() => [])
  if (names.length === 0) await rm(defaultSchedule.to, { recursive: true, force: true })
  return names.length
}

async function whatIsLeft(purge: boolean): Promise<string> {
  if (!purge) return 'Everything is stopped; the data is kept. Again: lading up'
  if ((await recordedPackages()).length === 0) return 'Nothing of Lading is left.'
  return `Nothing of Lading is left but the engine and ${paths.packages}, the list of packages that came with it.`
}

/** What systemd's lading-boot.service does, and the engine's start, for machines without systemd. Idempotent. */
export async function boot(signal: AbortSignal): Promise<void> {
  const machine = await readMachine('boot')
  const { decisions } = await Site.load()
  await bootNode(decisions, machine.hasSystemd, signal)
}

async function run(command: Command, signal: AbortSignal): Promise<void> {
  switch (command.name) {
    case 'help':
      print(command.page)
      return
    case 'up':
      return up(command.options, signal)
    case 'upgrade':
      return upgrade(command.options, signal)
    case 'rotate':
      return rotate(command.what, signal)
    case 'boot':
      return boot(signal)
    case 'images save':
      return saveImages(await Site.load(), command.file, signal)
    case 'down':
      return down(command.options, signal)
    case 'doctor':
      return doctor(command.options, signal)
    case 'backup':
      return backup(command.command, await Site.load(), signal)
    case 'restore':
      return restore(command.options, signal)
    default:
      return unreachable(command)
  }
}

/** The command line of this root; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  ignoreClosedPipes()
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(name, () => stop.abort(new Error(`stopped by ${name}`)))
  try {
    await run(parseCommand(args), stop.signal)
    return 0
  } catch (error) {
    const { message, hint, details } = asAppError(error)
    const lines = [`lading: ${message}`, ...details.map(line => `  ${line}`), ...(hint === undefined ? [] : [hint])]
    printError(`\n${lines.join('\n')}\n`)
    return 1
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
