import { after, before, suite } from 'node:test'
import { Rig } from '../rig/rig.ts'
import { installed, type Platform } from './host.ts'
import { domains } from './platform/domains.ts'
import { edgeFeatures } from './platform/edge.ts'

/** One installed platform for everything that needs a real one and leaves it as it was. */
const say = (text: string): void => void process.stderr.write(text)
const rig = new Rig({ name: 'e2edoors', say: line => say(`${line}\n`) })
let platform: Platform

before(async () => {
  await rig.down()
  platform = await installed(await rig.up({ name: 'server', debian: 'trixie' }), { say, fromCache: true })
})
after(() => rig.down())

suite('the edge', () => edgeFeatures(() => platform))
const authority = () => rig.up({ name: 'authority', debian: 'bookworm', variant: 'bare' })
suite('domains', () => domains(() => platform, authority))
