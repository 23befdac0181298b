import { Secret } from '../../src/core/secret.ts'
import { systemClock, systemIds } from '../../src/core/system.ts'
import { FakeCluster, type Behaviour } from '../doubles/engine.ts'
import { DockerHttp } from '../../src/docker/http.ts'
import { SwarmEngine } from '../../src/docker/swarm-engine.ts'
import { engineContract } from './engine.contract.ts'

const socketPath = process.env['LADING_CONTRACT_ENGINE']
const image = process.env['LADING_CONTRACT_IMAGE'] ?? '127.0.0.1:5443/base:1'
const prefix = `contract-${systemIds.hex(3)}-`

/** What the commands of the suite do, for the fake, which has no shell. */
function behaviourOf(wanted: string, command: readonly string[] | null): Behaviour {
  const usual = { startMs: 5, listenMs: 5, stopMs: 5 }
  const script = command?.at(-1) ?? ''
  if (wanted.includes('missing')) return { ...usual, trouble: 'image-missing' }
  const code = /exit (\d+)/.exec(script)?.[1]
  const lines = [...script.matchAll(/echo (\w+)/g)].map(match => match[1] ?? '')
  if (code !== undefined) return { ...usual, lines, exit: { afterMs: 5, code: Number(code) } }
  return { ...usual, lines, exit: { afterMs: 1_000_000, code: 0 } }
}

engineContract('fake', {
  engine: new FakeCluster({ clock: systemClock, behaviourOf }).engine(),
  image,
  prefix,
  wrote: 0,
})
const token = process.env['LADING_CONTRACT_REGISTRY_TOKEN']
const real = (path: string) =>
  new SwarmEngine(new DockerHttp({ socketPath: path }), token ? () => new Secret(token) : null)
if (socketPath) engineContract('real', { engine: real(socketPath), image, prefix, wrote: 2 * 1024 * 1024 })
