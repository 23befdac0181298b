import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { systemClock } from '../../core/system.ts'
import { environment } from '../config.ts'
import type { Decisions } from '../steps/decisions.ts'
import { engineAnswers } from '../swarm/engine-call.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import { reservedInterface } from '../host/addresses.ts'
import { makeReservedInterface } from '../host/network.ts'
import { engineIsInstalled, missingPackages } from '../host/packages.ts'
import { paths } from '../paths.ts'
import { runProgram } from '../host/run-program.ts'
import type { Site } from '../steps/site.ts'
import { makeFolders } from '../swarm/trust.ts'
import { unitText } from '../host/unit.ts'
import { waitFor } from '../steps/waiting.ts'

/**
 * What a node needs before its engine starts, in this order (decision: nodes-closed-to-containers): the cluster
 * address, then the firewall. The engine starts apps before any keeper runs, so nothing later would do. Idempotent.
 */
export async function prepareNetwork(decisions: Decisions, signal: AbortSignal): Promise<void> {
  if (decisions.clusterInterface === 'reserved') await makeReservedInterface(decisions.clusterAddress, signal)
  await runProgram('nft', ['-f', paths.firewall], {}, signal)
}

/** All that a boot does on a machine without systemd. Tasks whose folders are missing are rejected by Swarm. */
export async function bootNode(decisions: Decisions, hasSystemd: boolean, signal: AbortSignal): Promise<void> {
  await makeFolders()
  await prepareNetwork(decisions, signal)
  await startEngine(hasSystemd, signal)
}

/**
 * Containers run on while their engine is dead, and no one else can tell whose they are or stop them. Nothing happens
 * where it answers, or where there is no engine or no firewall yet to start before it.
 */
export async function startDeadEngine(site: Site, hasSystemd: boolean, signal: AbortSignal): Promise<void> {
  if (!site.decided || (await readIfThere(paths.firewall)) === null || (await engineAnswers(signal))) return
  if (!(await engineIsInstalled()) || (await missingPackages(['iproute2', 'nftables'])).length > 0) return
  await bootNode(site.decisions, hasSystemd, signal)
}

/** The unit that does the same at boot, where systemd runs; `lading boot` does it elsewhere. */
export async function installBootUnit(decisions: Decisions, signal: AbortSignal): Promise<void> {
  await writeWhole(paths.unit, unitText(decisions, reservedInterface))
  await runProgram('systemctl', ['daemon-reload'], {}, signal)
  await runProgram('systemctl', ['enable', 'lading-boot.service'], {}, signal)
}

/** Starts the engine by the means of this machine and waits until it answers. */
export async function startEngine(hasSystemd: boolean, signal: AbortSignal): Promise<void> {
  if (await engineAnswers(signal)) return
  if (hasSystemd) await runProgram('systemctl', ['start', 'docker.service'], {}, signal)
  else await startDaemon()
  await waitFor(
    {
      title: 'the Docker engine does not answer',
      seconds: 90,
      hint: hasSystemd ? 'See: journalctl -u docker' : `See ${paths.engineLog}`,
    },
    async () => ((await engineAnswers(signal)) ? true : null),
    { clock: systemClock, signal },
  )
}

/** Without an init system no one else starts it: a process of its own session, which outlives this program. */
async function startDaemon(): Promise<void> {
  const log = await open(paths.engineLog, 'a')
  try {
    const child = spawn('dockerd', [], { env: environment, detached: true, stdio: ['ignore', log.fd, log.fd] })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
  } finally {
    await log.close()
  }
}

/** Stops the engine by the means of this machine and waits until it has ended. */
export async function stopEngine(hasSystemd: boolean, signal: AbortSignal): Promise<void> {
  if (hasSystemd) await runProgram('systemctl', ['stop', 'docker.service', 'docker.socket'], {}, signal)
  else if (await engineAnswers(signal)) {
    const pid = Number((await readIfThere('/var/run/docker.pid'))?.trim())
    if (pid > 1) process.kill(pid, 'SIGTERM')
  }
  const ended = async () => ((await engineAnswers(signal)) ? null : true)
  await waitFor({ title: 'the Docker engine does not end', seconds: 60 }, ended, { clock: systemClock, signal })
}
