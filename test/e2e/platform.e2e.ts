import { after, before, suite } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { installed, type Platform } from './host.ts'
import { brokenApps } from './platform/broken.ts'
import { cleaning } from './platform/clean.ts'
import { domains } from './platform/domains.ts'
import { doctor } from './platform/doctor.ts'
import { edgeFeatures } from './platform/edge.ts'
import { eject } from './platform/eject.ts'
import { firewall } from './platform/firewall.ts'
import { interruptedPushes } from './platform/interrupted.ts'
import { limits } from './platform/limits.ts'
import { logs } from './platform/logs.ts'
import { lostDatabase } from './platform/lost-database.ts'
import { stacks } from './platform/stacks.ts'
import { waysToARelease } from './platform/ways.ts'

/** One installed platform for everything that needs a real one and leaves it as it was. */
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2eplat', say: line => say(`${line}\n`) })
let platform: Platform

before(async () => {
  await rig.down()
  platform = await installed(await rig.up({ name: 'server', debian: 'trixie' }), { say, fromCache: true })
})
after(() => rig.down())

const outside = () => rig.up({ name: 'outside', variant: 'bare' })
suite('the firewall', () => firewall(() => platform, outside))
suite('the edge', () => edgeFeatures(() => platform))
suite('broken apps', () => brokenApps(() => platform))
suite('ways to a release', () => waysToARelease(() => platform))
suite('stacks', () => stacks(() => platform))
suite('logs', () => logs(() => platform))
suite('cleaning', () => cleaning(() => platform))
suite('limits', () => limits(() => platform))
suite('leaving', () => eject(() => platform))
suite('the doctor', () => doctor(() => platform))
const authority = () => rig.up({ name: 'authority', debian: 'bookworm', variant: 'bare' })
suite('domains', () => domains(() => platform, authority))
suite('interrupted pushes', () => interruptedPushes(() => platform, outside))
// The last: it loses what the others have written.
suite('the database is lost', () => lostDatabase(() => platform))
