import { AppError } from '../core/errors.ts'
import type { Labels } from '../core/labels.ts'
import type {
  ConfigView,
  ContainerDisk,
  Engine,
  LogLine,
  LogOptions,
  NetworkView,
  OneOffSpec,
  OneOffView,
  ServiceSpec,
  TaskView,
} from './engine.ts'
import { assertOurs, get, registryAuth, type RegistryToken, unlessExists, unlessGone } from './calls.ts'
import { diskUse } from './disk-use.ts'
import { haltService } from './halt-service.ts'
import type { Call, DockerHttp } from './http.ts'
import { logLines } from './log-frames.ts'
import { OneOffs } from './one-offs.ts'
import { assertServiceKept, noNewPrivilegesSince, serviceJson } from './spec-json.ts'

/** Docker Swarm through the API of one manager's engine. */
export class SwarmEngine implements Engine {
  readonly #http: DockerHttp
  readonly #registryToken: RegistryToken
  readonly #oneOffs: OneOffs
  /** Node id → host name, filled as tasks name new nodes; a node's id never changes its name while it is a member. */
  readonly #nodes = new Map<string, string>()

  /** With a token, the engine shows it to our registry; a swarm service carries it for all its later pulls. */
  constructor(http: DockerHttp, registryToken: RegistryToken = null) {
    this.#http = http
    this.#registryToken = registryToken
    this.#oneOffs = new OneOffs(http, registryToken)
  }

  async createService(spec: ServiceSpec, signal: AbortSignal): Promise<void> {
    const body = serviceJson(spec, await this.#http.speaks(noNewPrivilegesSince, signal))
    const call: Call = { method: 'POST', path: '/services/create', body, headers: registryAuth(this.#registryToken) }
    await unlessExists(this.#http.json(call, signal))
    const kept = (await this.#http.json(get(`/services/${spec.name}`), signal)) as { Spec: unknown }
    assertServiceKept(body, kept.Spec)
  }

  async removeService(name: string, signal: AbortSignal): Promise<void> {
    await this.#removeOurs(`/services/${name}`, signal)
  }

  async listServices(labels: Labels, signal: AbortSignal) {
    const services = (await this.#http.json(get('/services', labelFilter(labels)), signal)) as ServiceJson[]
    return services.map(({ Spec, CreatedAt }) => ({
      name: Spec.Name,
      labels: Spec.Labels,
      replicas: Spec.Mode.Replicated?.Replicas ?? 0,
      createdAt: Date.parse(CreatedAt),
    }))
  }

  haltService(name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    return haltService(this.#http, { name, labels }, signal)
  }

  async listTasks(service: string, signal: AbortSignal): Promise<readonly TaskView[]> {
    const call = get('/tasks', { filters: JSON.stringify({ service: [service] }) })
    const tasks = (await unlessGone(this.#http.json(call, signal))) as TaskJson[] | null
    const sorted = (tasks ?? []).toSorted((a, b) => Date.parse(b.CreatedAt) - Date.parse(a.CreatedAt))
    await this.#learnNodes(sorted, signal)
    return sorted.map(task => taskView(task, this.#nodes))
  }

  async ensureNetwork(name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    const body = { Name: name, Driver: 'overlay', Attachable: true, CheckDuplicate: true, Labels: labels }
    await unlessExists(this.#http.json({ method: 'POST', path: '/networks/create', body }, signal))
  }

  async removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#removeOurs(`/networks/${name}`, signal)
    } catch (error) {
      if (!isNetworkInUse(error)) throw error
      throw new AppError('conflict', `network ${name} is still in use`, { retryable: true, cause: error })
    }
  }

  async listNetworks(labels: Labels, signal: AbortSignal): Promise<readonly NetworkView[]> {
    const networks = (await this.#http.json(get('/networks', labelFilter(labels)), signal)) as {
      Name: string
      Labels: Labels
    }[]
    return networks.map(({ Name, Labels }) => ({ name: Name, labels: Labels }))
  }

  async createConfig(name: string, labels: Labels, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const body = { Name: name, Labels: labels, Data: Buffer.from(data).toString('base64') }
    await unlessExists(this.#http.json({ method: 'POST', path: '/configs/create', body }, signal))
  }

  async listConfigs(labels: Labels, signal: AbortSignal): Promise<readonly ConfigView[]> {
    const configs = (await this.#http.json(get('/configs', labelFilter(labels)), signal)) as ConfigJson[]
    return configs.map(({ ID, Version, Spec }) => ({
      id: ID,
      name: Spec.Name,
      version: Version.Index,
      labels: Spec.Labels,
      data: Buffer.from(Spec.Data, 'base64'),
    }))
  }

  async removeConfig(name: string, signal: AbortSignal): Promise<void> {
    await this.#removeOurs(`/configs/${name}`, signal)
  }

  async swapConfigLabels(id: string, version: number, labels: Labels, signal: AbortSignal): Promise<void> {
    // An update must repeat what may not change. Reading it first opens no gap: the version decides.
    const { Spec } = (await this.#http.json(get(`/configs/${id}`), signal)) as ConfigJson
    const call: Call = { method: 'POST', path: `/configs/${id}/update`, query: { version } }
    await this.#http.json({ ...call, body: { ...Spec, Labels: labels } }, signal)
  }

  startOneOff(spec: OneOffSpec, signal: AbortSignal): Promise<void> {
    return this.#oneOffs.start(spec, signal)
  }

  inspectOneOff(name: string, signal: AbortSignal): Promise<OneOffView | null> {
    return this.#oneOffs.inspect(name, signal)
  }

  removeOneOff(name: string, signal: AbortSignal): Promise<void> {
    return this.#oneOffs.remove(name, signal)
  }

  async listOneOffs(labels: Labels, signal: AbortSignal): Promise<readonly string[]> {
    const query = { all: true, ...labelFilter(labels) }
    const containers = (await this.#http.json(get('/containers/json', query), signal)) as {
      Names: string[]
      Labels: Labels
    }[]
    return containers
      .filter(container => container.Labels['com.docker.swarm.task.id'] === undefined)
      .flatMap(container => container.Names.slice(0, 1).map(name => name.replace(/^\//, '')))
  }

  diskUse(signal: AbortSignal): Promise<readonly ContainerDisk[]> {
    return diskUse(this.#http, signal)
  }

  removeContainer(id: string, signal: AbortSignal): Promise<void> {
    return this.#oneOffs.remove(id, signal)
  }

  async *logs(container: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    if (options.node !== undefined) await this.#assertLocal(options.node, signal)
    const { follow, since, tail } = options
    const query = { stdout: true, stderr: true, timestamps: true, follow, since, tail }
    const stream = await this.#http.stream(get(`/containers/${container}/logs`, query), signal)
    try {
      yield* logLines(stream)
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    } finally {
      stream.destroy()
    }
  }

  async #assertLocal(node: string, signal: AbortSignal): Promise<void> {
    const { Name } = (await this.#http.json(get('/info'), signal)) as { Name: string }
    if (Name === node) return
    throw new AppError('unavailable', 'the logs of another node cannot be read from this one')
  }

  /**
   * law: only-ours-is-deleted. Nothing without our label is ever deleted, whatever name we were given. No error when it
   * is gone.
   */
  async #removeOurs(path: string, signal: AbortSignal): Promise<void> {
    const found = (await unlessGone(this.#http.json(get(path), signal))) as Labelled | null
    if (found === null) return
    assertOurs(path, found.Spec?.Labels ?? found.Labels)
    await unlessGone(this.#http.json({ method: 'DELETE', path }, signal))
  }

  async #learnNodes(tasks: readonly TaskJson[], signal: AbortSignal): Promise<void> {
    if (tasks.every(task => !task.NodeID || this.#nodes.has(task.NodeID))) return
    const nodes = (await this.#http.json(get('/nodes'), signal)) as { ID: string; Description: { Hostname: string } }[]
    for (const node of nodes) this.#nodes.set(node.ID, node.Description.Hostname)
  }
}

interface Labelled {
  readonly Spec?: { readonly Labels?: Labels }
  readonly Labels?: Labels
}

interface ServiceJson {
  readonly Spec: {
    readonly Name: string
    readonly Labels: Labels
    readonly Mode: { Replicated?: { Replicas: number } }
  }
  readonly CreatedAt: string
}

interface ConfigJson {
  readonly ID: string
  readonly Version: { readonly Index: number }
  readonly Spec: { readonly Name: string; readonly Labels: Labels; readonly Data: string }
}

interface TaskJson {
  readonly ID: string
  readonly CreatedAt: string
  readonly Slot?: number
  readonly NodeID?: string
  readonly Status: {
    readonly State: string
    readonly Err?: string
    readonly ContainerStatus?: { readonly ContainerID?: string; readonly ExitCode?: number }
  }
}

function taskView(task: TaskJson, nodes: ReadonlyMap<string, string>): TaskView {
  const { State, Err, ContainerStatus } = task.Status
  const ended = ['complete', 'failed', 'shutdown', 'rejected', 'orphaned', 'remove'].includes(State)
  const container = ContainerStatus?.ContainerID || null
  return {
    id: task.ID,
    slot: task.Slot ?? 0,
    node: nodes.get(task.NodeID ?? '') ?? null,
    container,
    state: State,
    error: Err || null,
    exitCode: ended && container !== null ? (ContainerStatus?.ExitCode ?? null) : null,
  }
}

/** A network that is attached answers 403 (containers) or 400 (swarm services): only the words tell. */
function isNetworkInUse(error: unknown): boolean {
  return error instanceof AppError && /active endpoints|in use by/.test(error.message)
}

function labelFilter(labels: Labels): { filters: string } {
  return { filters: JSON.stringify({ label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) }) }
}
