import { mkdir, writeFile } from 'node:fs/promises'
import { parseAppName, parseHostName, production } from '../src/core/names.ts'
import { haproxyConfig } from '../src/proxy/haproxy/config.ts'
import { edgePaths } from '../src/proxy/haproxy/files.ts'
import { mapNames, mapsOf, mapText } from '../src/proxy/haproxy/maps.ts'
import { pages } from '../src/proxy/haproxy/pages.ts'
import { initialCounts } from '../src/proxy/haproxy/pools.ts'
import { emptyModel, type EdgeModel } from '../src/proxy/model.ts'
import type { Host } from '../test/rig/host.ts'

/** Where the app of all of these is: an HAProxy that answers by itself, so that it costs least. */
const BACKEND_PORT = 9000

/** A program under test, running on the host. */
export interface Running {
  readonly port: number
  readonly pid: string
}

/** Starts HAProxy on the host with this configuration; it names its own port. */
async function startHaproxy(host: Host, name: string, config: string, port: number): Promise<Running> {
  const folder = `/root/bench/edge/${name}`
  await mkdir(await host.path(`${folder}/run/edge`), { recursive: true })
  await writeFile(await host.path(`${folder}/haproxy.cfg`), config)
  await host.run(['haproxy', '-D', '-q', '-f', `${folder}/haproxy.cfg`, '-p', `${folder}/pid`])
  return { port, pid: await host.run(['cat', `${folder}/pid`]) }
}

const plain = `global
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
frontend f
`

export async function startBackend(host: Host): Promise<Running> {
  const answer = `  bind :${BACKEND_PORT}\n  http-request return status 200 content-type text/plain string "hello"\n`
  return startHaproxy(host, 'backend', plain.replace('global\n', 'global\n  nbthread 1\n') + answer, BACKEND_PORT)
}

export async function startBare(host: Host, port: number): Promise<Running> {
  const text = `${plain}  bind :${port}\n  default_backend b\nbackend b\n  server s 127.0.0.1:${BACKEND_PORT}\n`
  return startHaproxy(host, 'bare', text, port)
}

export async function startNginx(host: Host, port: number): Promise<Running> {
  const folder = '/root/bench/edge/nginx'
  await mkdir(await host.path(folder), { recursive: true })
  const text = `worker_processes auto;
pid ${folder}/pid;
error_log ${folder}/error.log;
events { worker_connections 4000; }
http {
  access_log off;
  upstream app { server 127.0.0.1:${BACKEND_PORT}; keepalive 64; }
  server {
    listen ${port};
    location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }
}
`
  await writeFile(await host.path(`${folder}/nginx.conf`), text)
  await host.run(['nginx', '-c', `${folder}/nginx.conf`])
  return { port, pid: await host.run(['cat', `${folder}/pid`]) }
}

/** Each app has an address of its own, as on a real edge: one for all would run out of ports. */
const addressOf = (n: number): string => `127.1.${Math.floor(n / 200)}.${(n % 200) + 1}:${BACKEND_PORT}`

export const hostOf = (n: number): string => `h${n}.bench.localhost`

/** The product's own configuration and maps, as they lie on an edge that serves so many environments; 443 is left out. */
export async function startEdge(host: Host, environments: number, port: number): Promise<Running> {
  const name = `edge-${environments}`
  const { config } = await writeEdge(host, name, { environments, port })
  return startHaproxy(host, name, config, port)
}

/**
 * The same headers, retries, time-outs and log, with static backends: nothing that can be switched. With one there is no
 * map; with more one map names the backend, as any proxy of so many apps has to.
 */
export async function startStatic(host: Host, backends: number, port: number): Promise<Running> {
  const name = `static-${backends}`
  const { config, folder } = await writeEdge(host, name, { environments: backends, port })
  const frontend = config.slice(0, config.indexOf('backend lading_next\n'))
  const lanes = config.slice(config.indexOf('backend h1_tcp_4_1\n')).split(/\n(?=backend )/)
  const text = [frontend, ...lanes.slice(0, backends)]
    .join('\n')
    .split('\n')
    .filter(
      line =>
        !/draining|txn\.(env|lane)\)(,| )map|set-var\(txn\.(env|lane)\)|be_name,map_str|use_backend|lading_connections|balancer|crowd/.test(
          line,
        ),
    )
    .join('\n')
  if (/map_str|draining|use_backend/.test(text)) throw new Error(`not static:\n${text}`)
  const map = `${folder}/backends.map`
  const entries = Array.from({ length: backends }, (_, n) => `${hostOf(n)} h1_tcp_4_${n + 1}\n`)
  await writeFile(await host.path(map), entries.join(''))
  const chosen = backends === 1 ? 'default_backend h1_tcp_4_1' : `use_backend %[var(txn.host),map_str(${map})]`
  return startHaproxy(host, name, `${text.replace('default_backend lading_unknown', chosen)}\n`, port)
}

async function writeEdge(host: Host, name: string, { environments, port }: { environments: number; port: number }) {
  const folder = `/root/bench/edge/${name}`
  const paths = edgePaths(folder, `${folder}/run`)
  const model = modelOf(environments)
  const admitted = new Map(model.lanes.map(({ backend }, n) => [backend, new Map([[1, addressOf(n)]])]))
  const edge = { httpPort: port, httpsPort: 0, registryPort: null, ipv6: false, user: null, balancers: ['127.0.0.0/8'] }
  const settings = { ...edge, maxConnections: 4000, hardStopSeconds: 10 }
  const text = haproxyConfig({
    paths,
    process: 1,
    pools: model.pools,
    sources: model.sourceLimits,
    admitted,
    edge: settings,
  })
  const config = text
    .split('\n')
    .filter(line => !line.includes(' ssl crt-list '))
    .join('\n')
  await mkdir(await host.path(paths.pages), { recursive: true })
  for (const page of Object.values(pages)) await writeFile(await host.path(`${paths.pages}/${page.file}`), page.text)
  const maps = mapsOf(model)
  for (const map of mapNames) await writeFile(await host.path(paths.map(map)), mapText(maps[map]))
  return { config, folder }
}

/** A release that serves in each of so many environments, with one process and one host name. */
function modelOf(environments: number): EdgeModel {
  const pools = { ...initialCounts, h1_tcp_4: environments + 48 }
  const keys = Array.from({ length: environments }, (_, n) => ({
    app: parseAppName(`h${n}`),
    environment: production,
    release: 1,
  }))
  const spec = { processes: 1, protocol: 'h1', healthPath: null, firstByteSeconds: 30, idleSeconds: 55 } as const
  return {
    ...emptyModel,
    pools,
    lanes: keys.map((key, n) => ({ backend: `h1_tcp_4_${n + 1}`, spec: { ...key, ...spec } })),
    routes: keys.map((key, n) => ({ ...key, hosts: [parseHostName(hostOf(n))] })),
  }
}
