import { request } from 'node:http'
import { label } from '../../src/core/labels.ts'
import { parseNodeName } from '../../src/core/names.ts'
import { Secret } from '../../src/core/secret.ts'
import { systemClock, systemIds } from '../../src/core/system.ts'
import { FakeCluster } from '../doubles/engine.ts'
import type { Engine, ServiceSpec } from '../../src/docker/engine.ts'
import { DockerHttp } from '../../src/docker/http.ts'
import { SwarmEngine } from '../../src/docker/swarm-engine.ts'
import { keeperEdges } from '../../src/edge/client.ts'
import { selfSigned } from '../../src/proxy/haproxy/certificates.ts'
import { FakeEdges } from '../doubles/edges.ts'
import { edgesContract, type Ground } from './edges.contract.ts'

const prefix = `c${systemIds.hex(3)}-`
const signal = AbortSignal.timeout(300_000)

function service(name: string, labels: ServiceSpec['labels'], replicas: number): ServiceSpec {
  const policy = { memory: 64 * 2 ** 20, cpus: 0.5, pids: 64, tmpBytes: 2 ** 20, openFiles: 1024, dropCapabilities: [] }
  const answer = `require('http').createServer((_, r) => r.end(process.env.RELEASE)).listen(8080)`
  return {
    name,
    labels,
    image: process.env['LADING_CONTRACT_IMAGE'] ?? 'node',
    command: ['node', '-e', `${answer};process.on('SIGTERM', () => process.exit(0))`],
    env: { RELEASE: labels[label.release] ?? '' },
    replicas,
    network: `${prefix}net`,
    port: 8080,
    stopSeconds: 2,
    policy,
  }
}

function onEngine(engine: Engine): Pick<Ground, 'start' | 'stop'> {
  return {
    start: async (name, labels, processes) => {
      await engine.ensureNetwork(`${prefix}net`, { [label.app]: prefix.slice(0, -1) }, signal)
      await engine.createService(service(name, labels, processes), signal)
    },
    stop: name => engine.removeService(name, signal),
  }
}

function fakeGround(): Ground {
  const cluster = new FakeCluster({ clock: systemClock })
  const fake = new FakeEdges({ processes: cluster.processes, clock: systemClock, proofMs: 5 })
  return {
    ...onEngine(cluster.engine()),
    edges: fake.edges({ current: 7 }),
    late: fake.edges({ current: 6 }),
    prefix,
    pem: new Secret('pem'),
    kill: async container => cluster.processes.kill(container),
    answerTo: async token => fake.answerTo(token),
    visit: async host => {
      const takers = fake.takers(host)
      const [process] = takers ?? []
      if (!takers) return { status: 404, body: '' }
      return process ? { status: 200, body: process.labels[label.release] ?? '' } : { status: 503, body: '' }
    },
  }
}

/** A keeper whose edge listens on `address:80`, on a node with the image of LADING_CONTRACT_IMAGE. */
async function realGround(path: string, address: string): Promise<Ground> {
  const node = parseNodeName(process.env['LADING_CONTRACT_NODE'] ?? 'node')
  const sockets = [{ node, path }]
  // Higher than any that the keeper has seen.
  const term = Number(process.env['LADING_CONTRACT_TERM'] ?? 7)
  const http = new DockerHttp({ socketPath: path, prefix: '/engine', headers: () => ({ 'lading-term': String(term) }) })
  return {
    ...onEngine(new SwarmEngine(http, () => new Secret(process.env['LADING_CONTRACT_REGISTRY_TOKEN'] ?? ''))),
    edges: keeperEdges({ sockets, term: () => term }),
    late: keeperEdges({ sockets, term: () => term - 1 }),
    prefix,
    pem: await selfSigned('contract'),
    kill: async container => {
      const query = { signal: 'KILL' }
      await http.json({ method: 'POST', path: `/containers/${container}/kill`, query }, signal)
    },
    visit: host => visit(address, host),
    answerTo: async token => {
      const { status, body } = await visit(address, 'nobody.test', `/.well-known/acme-challenge/${token}`)
      return status === 404 ? null : body
    },
  }
}

function visit(address: string, host: string, path = '/'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: address, port: 80, path, headers: { host }, agent: false }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    call.on('error', reject)
    call.end()
  })
}

edgesContract('fake', fakeGround())
const socket = process.env['LADING_CONTRACT_KEEPER']
if (socket) edgesContract('real', await realGround(socket, process.env['LADING_CONTRACT_ADDRESS'] ?? '127.0.0.1'))
