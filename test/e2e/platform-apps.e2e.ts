import { after, before, suite } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { runsAll } from '../runner/ring.ts'
import { installed, type Platform } from './host.ts'
import { witnessed } from './kills/site.ts'
import { brokenApps } from './platform/broken.ts'
import { edgeFeatures } from './platform/edge.ts'
import { eject } from './platform/eject.ts'
import { firewall } from './platform/firewall.ts'
import { interruptedPushes } from './platform/interrupted.ts'
import { limits } from './platform/limits.ts'
import { platformPrivileges } from './platform/privileges.ts'
import { reach } from './platform/reach.ts'
import { stacks } from './platform/stacks.ts'
import { verifySteps } from './platform/verify.ts'
import { waysToARelease } from './platform/ways.ts'

/** One installed platform for what its apps and their visitors meet; each suite leaves it as it was. */
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2eapps', say: line => say(`${line}\n`) })
let platform: Platform

before(async () => {
  await rig.down()
  const host = await rig.up({ name: 'server', debian: 'trixie' })
  platform = await installed(host, { say, fromCache: true, args: witnessed(host) })
})
after(() => rig.down())

const outside = () => rig.up({ name: 'outside', variant: 'bare' })
suite('the firewall', () => firewall(() => platform, outside))
suite('what containers reach', () => reach(() => platform, outside))
suite('privileges of the platform', () => platformPrivileges(() => platform))
suite('the edge', () => edgeFeatures(() => platform))
suite('broken apps', () => brokenApps(() => platform))
suite('ways to a release', () => waysToARelease(() => platform))
suite('verify', () => verifySteps(() => platform))
if (runsAll) suite('stacks', () => stacks(() => platform))
suite('limits', () => limits(() => platform))
suite('leaving', () => eject(() => platform))
suite('interrupted pushes', () => interruptedPushes(() => platform, outside))
