import { publicDomain, reservedInterface } from '../host/addresses.ts'
import { installBootUnit, prepareNetwork, startEngine } from '../commands/boot.ts'
import { machineChecks, requireAll } from '../host/checks.ts'
import { commandLinkStep } from '../host/command-link.ts'
import type { Decisions } from './decisions.ts'
import { engineAnswers, engineVersion } from '../swarm/engine-call.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import { firewallText, foreignBridges } from '../firewall/firewall.ts'
import type { Machine } from '../host/machine.ts'
import { choosePlace, hasAddress, listAddresses, listInterfaces } from '../host/network.ts'
import type { UpOptions } from '../options/up.ts'
import {
  groundPackages,
  installPackages,
  missingEngine,
  missingPackages,
  packagesToCome,
  recordPackages,
  refreshPackages,
} from '../host/packages.ts'
import { paths } from '../paths.ts'
import { proxyFor } from '../host/proxy.ts'
import { decidedPolicy, readReach } from '../firewall/reach.ts'
import { runProgram } from '../host/run-program.ts'
import type { Site } from './site.ts'
import type { Step } from './steps.ts'
import {
  gatewayIsRight,
  nodeAvailability,
  setNodeAvailability,
  initSwarm,
  makeGateway,
  makePlatformNetwork,
  platformNetwork,
  platformNetworkIsThere,
} from '../swarm/swarm.ts'
import { swarmState } from '../swarm/swarm-state.ts'
import { unitText } from '../host/unit.ts'

/**
 * From a bare Debian to a cluster of one: packages, cluster address, firewall, engine, swarm. In this order, because
 * the engine's package may start the engine, and the firewall must be there before it (decision:
 * nodes-closed-to-containers).
 */
export function groundSteps(site: Site, machine: Machine, options: UpOptions): Step[] {
  const deps = groundPackages(machine)
  return [
    checks(site, options),
    // Early, for every hint from here on says "lading up".
    commandLinkStep(),
    packages('tools', deps, () => missingPackages(deps)),
    clusterAddress(site, machine, options),
    firewall(site, machine, options),
    packages('engine packages', ['dockerd', 'docker'], () => missingEngine(machine.debian)),
    engine(machine),
    gateway(site),
    swarm(site),
    network(),
    availability(),
  ]
}

/** Never "done": what the machine is like is asked each time. */
function checks(site: Site, options: UpOptions): Step {
  return {
    title: 'this machine',
    check: signal => requireAll(machineChecks(site, options.clusterAddress), signal),
    act: () => Promise.resolve(),
  }
}

function packages(title: string, result: readonly string[], missing: () => Promise<string[]>): Step {
  return {
    title,
    check: async () => ((await missing()).length === 0 ? result.join(' ') : null),
    act: async (say, signal) => {
      const names = await missing()
      await refreshPackages(say, signal)
      await recordPackages(await packagesToCome(names, signal))
      await installPackages(names, say, signal)
    },
  }
}

function clusterAddress(site: Site, machine: Machine, options: UpOptions): Step {
  return {
    title: 'cluster address',
    check: () => Promise.resolve(site.decided ? describeAddress(site.decisions) : null),
    act: async (_say, signal) => {
      const place = await choosePlace(options.clusterAddress, signal)
      const baseDomain = options.domain ?? publicDomain(await listAddresses(signal)) ?? 'localhost'
      await site.decide({ baseDomain, node: machine.node, ...place })
    },
  }
}

function describeAddress(decisions: Decisions): string {
  const on = decisions.clusterInterface === 'reserved' ? `, on ${reservedInterface}` : ''
  return decisions.clusterAddress + on
}

function firewall(site: Site, machine: Machine, options: UpOptions): Step {
  const words = () => options.privateNetworks ?? site.decisions.privateNetworks
  const text = async (signal: AbortSignal) =>
    firewallText({
      clusterAddress: site.decisions.clusterAddress,
      clusterInterface: site.decisions.clusterInterface,
      addressPool: site.decisions.addressPool,
      nodes: [site.decisions.clusterAddress],
      foreignBridges: foreignBridges(listInterfaces()),
      reach: await readReach(
        { privateNetworks: decidedPolicy(words()), proxy: proxyFor(options.proxy, site.decisions.proxy) },
        signal,
      ),
    })
  return {
    title: 'firewall',
    check: async signal => {
      if (words() !== site.decisions.privateNetworks) return null
      if ((await readIfThere(paths.firewall)) !== (await text(signal))) return null
      if (machine.hasSystemd && (await readIfThere(paths.unit)) !== unitText(site.decisions, reservedInterface))
        return null
      if (!hasAddress(site.decisions.clusterAddress) || !(await tableIsLoaded(signal))) return null
      return 'table inet lading, loaded before the engine'
    },
    act: async (_say, signal) => {
      if (words() !== site.decisions.privateNetworks) await site.change({ privateNetworks: words() })
      await writeWhole(paths.firewall, await text(signal))
      await prepareNetwork(site.decisions, signal)
      if (machine.hasSystemd) await installBootUnit(site.decisions, signal)
    },
  }
}

async function tableIsLoaded(signal: AbortSignal): Promise<boolean> {
  const tables = await runProgram('nft', ['list', 'tables'], {}, signal)
  return tables.split('\n').includes('table inet lading')
}

function engine(machine: Machine): Step {
  return {
    title: 'engine',
    isDoctorsOwn: true,
    check: async signal => ((await engineAnswers(signal)) ? `Docker ${await engineVersion(signal)}` : null),
    act: (_say, signal) => startEngine(machine.hasSystemd, signal),
  }
}

function gateway(site: Site): Step {
  return {
    title: 'ports on the cluster only',
    check: async signal =>
      (await gatewayIsRight(site.decisions, signal)) ? `docker_gwbridge, ${site.decisions.gatewaySubnet}` : null,
    act: (_say, signal) => makeGateway(site.decisions, signal),
  }
}

function swarm(site: Site): Step {
  return {
    title: 'swarm',
    check: async signal =>
      (await swarmState(signal)) === 'ours' ? `networks from ${site.decisions.addressPool}` : null,
    act: (_say, signal) => initSwarm(site.decisions, signal),
  }
}

function network(): Step {
  return {
    title: 'platform network',
    check: async signal => ((await platformNetworkIsThere(signal)) ? platformNetwork : null),
    act: (_say, signal) => makePlatformNetwork(signal),
  }
}

/** `lading down` drains the node, so that Swarm starts nothing; `up` takes that back. */
function availability(): Step {
  return {
    title: 'node',
    check: async signal => ((await nodeAvailability(signal)) === 'active' ? 'active' : null),
    act: (_say, signal) => setNodeAvailability('active', signal),
  }
}
