import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { label } from '../../core/labels.ts'
import type { Decisions } from '../steps/decisions.ts'
import { engine, find } from './engine-call.ts'

export const platformLabels = { [label.app]: 'lading', [label.role]: 'platform' } as const
export const platformNetwork = 'lading-platform'
export const gatewayBridge = 'docker_gwbridge'

const bridgeView = z.object({
  Options: z.record(z.string(), z.string()).nullish(),
  Containers: z.record(z.string(), z.unknown()).nullish(),
})

/**
 * decision: cluster-address-only. Published ports are bound to the cluster address only, and containers of different
 * spaces do not see each other on this bridge. Swarm makes the bridge without these options when it is not there
 * before.
 */
export function gatewayOptions(clusterAddress: string): Record<string, string> {
  return {
    'com.docker.network.bridge.name': gatewayBridge,
    'com.docker.network.bridge.enable_icc': 'false',
    'com.docker.network.bridge.enable_ip_masquerade': 'true',
    'com.docker.network.bridge.host_binding_ipv4': clusterAddress,
  }
}

/** True when the bridge is there as we want it. */
export async function gatewayIsRight(decisions: Decisions, signal: AbortSignal): Promise<boolean> {
  const found = await find({ method: 'GET', path: `/networks/${gatewayBridge}` }, signal)
  if (found === null) return false
  const options = bridgeView.parse(found).Options ?? {}
  return Object.entries(gatewayOptions(decisions.clusterAddress)).every(([name, value]) => options[name] === value)
}

export async function makeGateway(decisions: Decisions, signal: AbortSignal): Promise<void> {
  const found = await find({ method: 'GET', path: `/networks/${gatewayBridge}` }, signal)
  if (found !== null) {
    // Left behind by a swarm of the past. One that is in use is not taken away from its containers.
    const users = Object.keys(bridgeView.parse(found).Containers ?? {})
    if (users.length > 0) {
      throw new AppError('conflict', `the network ${gatewayBridge} is in use by ${users.length} containers`, {
        hint: 'It is left from another swarm: stop its containers, then run "lading up" again.',
      })
    }
    await engine.json({ method: 'DELETE', path: `/networks/${gatewayBridge}` }, signal)
  }
  const body = {
    Name: gatewayBridge,
    Driver: 'bridge',
    CheckDuplicate: true,
    IPAM: { Driver: 'default', Config: [{ Subnet: decisions.gatewaySubnet }] },
    Options: gatewayOptions(decisions.clusterAddress),
    Labels: platformLabels,
  }
  await engine.json({ method: 'POST', path: '/networks/create', body }, signal)
}

/** Networks of /24: 250 processes of one space on the cluster, 4096 spaces in a /12. */
export async function initSwarm(decisions: Decisions, signal: AbortSignal): Promise<void> {
  const body = {
    ListenAddr: `${decisions.clusterAddress}:2377`,
    AdvertiseAddr: decisions.clusterAddress,
    DataPathAddr: decisions.clusterAddress,
    DefaultAddrPool: [decisions.addressPool],
    SubnetSize: 24,
    Spec: { Labels: platformLabels },
  }
  await engine.json({ method: 'POST', path: '/swarm/init', body }, signal)
}

/** The network that the platform's own swarm services share. */
export async function platformNetworkIsThere(signal: AbortSignal): Promise<boolean> {
  return (await find({ method: 'GET', path: `/networks/${platformNetwork}` }, signal)) !== null
}

export async function makePlatformNetwork(signal: AbortSignal): Promise<void> {
  const body = {
    Name: platformNetwork,
    Driver: 'overlay',
    Attachable: true,
    CheckDuplicate: true,
    Labels: platformLabels,
  }
  await engine.json({ method: 'POST', path: '/networks/create', body }, signal)
}

const nodeView = z.object({
  Version: z.object({ Index: z.number() }),
  Spec: z.looseObject({ Availability: z.string() }),
})

export type Availability = 'active' | 'drain'

/** Whether this node takes tasks (`active`), or `lading down` has sent them away (`drain`). */
export async function nodeAvailability(signal: AbortSignal): Promise<string> {
  return (await thisNode(signal)).view.Spec.Availability
}

export async function setNodeAvailability(availability: Availability, signal: AbortSignal): Promise<void> {
  const { path, view } = await thisNode(signal)
  const body = { ...view.Spec, Availability: availability }
  await engine.json({ method: 'POST', path: `${path}/update`, query: { version: view.Version.Index }, body }, signal)
}

async function thisNode(signal: AbortSignal) {
  const info = await engine.json({ method: 'GET', path: '/info' }, signal)
  const { Swarm } = z.object({ Swarm: z.object({ NodeID: z.string() }) }).parse(info)
  const path = `/nodes/${Swarm.NodeID}`
  return { path, view: nodeView.parse(await engine.json({ method: 'GET', path }, signal)) }
}
