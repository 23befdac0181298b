import type { Clock } from '../../src/core/clock.ts'
import { AppError } from '../../src/core/errors.ts'
import type { Labels } from '../../src/core/labels.ts'
import type { NodeName } from '../../src/core/names.ts'
import type { ContainerDisk, OneOffSpec, ServiceSpec, TaskView } from '../../src/docker/engine.ts'

/** How processes of an image behave; times in ms. */
export interface Behaviour {
  /** From the task's creation to the container's start. */
  readonly startMs: number
  /** From the container's start until it answers on its port; null: never. What FakeEdges checks. */
  readonly listenMs: number | null
  /** Ends by itself. Absent: runs until it is stopped (a one-off ends at once with 0). */
  readonly exit?: { readonly afterMs: number; readonly code: number; readonly outOfMemory?: boolean }
  /** Swarm never starts it. */
  readonly trouble?: 'image-missing' | 'no-room'
  /** From SIGTERM to the end; longer than the grace means SIGKILL at its end. */
  readonly stopMs: number
  readonly lines?: readonly string[]
}

const wellBehaved: Behaviour = { startMs: 5, listenMs: 5, stopMs: 5 }

/** One container, as its node's engine shows it to the keeper. Live: fields change in place. */
export interface FakeProcess {
  readonly container: string
  readonly node: NodeName
  readonly image: string
  /** Of the swarm service; null for one-offs. */
  readonly service: string | null
  readonly slot: number
  /** `<service>.<slot>`, or the one-off's own name. */
  readonly name: string
  readonly labels: Labels
  readonly network: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** The port on the node; numbers are taken again as soon as they are free, as after an engine's restart. */
  readonly hostPort: number | null
  /** Answers on its port from then on, as long as it runs (milliseconds since the epoch); null: never. */
  readonly listensAt: number | null
  readonly lines: readonly string[]
  state: 'running' | 'exited'
  /** SIGTERM was sent. */
  stopping: boolean
  exitCode: number | null
  outOfMemory: boolean
}

interface Task {
  readonly id: string
  readonly slot: number
  state: string
  error: string | null
  process: FakeProcess | null
}

interface ServiceTasks {
  readonly spec: ServiceSpec
  readonly tasks: Task[]
  readonly ended: AbortController
}

/** Why the fake's own waits end early: what they waited for is gone. */
const over = new AppError('cancelled', 'it has ended')
const firstPort = 32_768
const restartDelayMs = 1000
const nodeMemory = 8 * 1024 ** 3

/**
 * What runs. Swarm's restart policy (any, 1 s) is kept here, with every control plane dead too (law:
 * apps-outlive-the-control-plane).
 */
export class FakeProcesses {
  readonly node = 'node1' as NodeName
  readonly address = '10.79.0.1'
  /** How often a one-off of this name was started, for "no release phase twice". */
  readonly oneOffStarts = new Map<string, number>()
  readonly #clock: Clock
  readonly #behaviourOf: (image: string, command: readonly string[] | null) => Behaviour
  readonly #services = new Map<string, ServiceTasks>()
  readonly #processes = new Map<string, FakeProcess>()
  readonly #oneOffs = new Map<string, FakeProcess>()
  /** Aborted when the process of this container ends, so that no timer of it is left behind. */
  readonly #ends = new Map<string, AbortController>()
  readonly #written = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  #count = 0

  constructor(
    clock: Clock,
    behaviourOf: (image: string, command: readonly string[] | null) => Behaviour = () => wellBehaved,
  ) {
    this.#clock = clock
    this.#behaviourOf = behaviourOf
  }

  /** All containers of swarm services and one-offs: running ones, and exited ones until they are removed. */
  all(): readonly FakeProcess[] {
    return [...this.#processes.values(), ...this.#oneOffs.values()]
  }

  oneOffs(): readonly FakeProcess[] {
    return [...this.#oneOffs.values()]
  }

  oneOff(name: string): FakeProcess | undefined {
    return this.#oneOffs.get(name)
  }

  /** Calls `listener` after each start, exit and removal, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Newest first. */
  tasks(service: string): readonly TaskView[] {
    return (this.#services.get(service)?.tasks ?? []).toReversed().map(task => ({
      id: task.id,
      slot: task.slot,
      node: task.process?.node ?? null,
      container: task.process?.container ?? null,
      state: task.state,
      error: task.error,
      exitCode: task.process?.exitCode ?? null,
    }))
  }

  startService(spec: ServiceSpec): void {
    const service: ServiceTasks = { spec, tasks: [], ended: new AbortController() }
    this.#services.set(spec.name, service)
    for (let slot = 1; slot <= spec.replicas; slot++) this.#background(this.#keepSlot(service, slot))
  }

  stopService(name: string, graceMs: number): void {
    const service = this.#services.get(name)
    if (service === undefined) return
    this.#services.delete(name)
    service.ended.abort(over)
    for (const { process } of service.tasks) {
      if (process?.state === 'running') this.#background(this.#stop(process, graceMs))
      else if (process) this.#processes.delete(process.container)
    }
    this.#changed()
  }

  startOneOff(spec: OneOffSpec): void {
    const behaviour = this.#behaviourOf(spec.image, spec.command)
    const process = this.#start(spec, behaviour, { service: null, slot: 1, hasPort: false })
    this.oneOffStarts.set(spec.name, (this.oneOffStarts.get(spec.name) ?? 0) + 1)
    this.#oneOffs.set(spec.name, process)
    const exit = behaviour.exit ?? { afterMs: 0, code: 0 }
    this.#background(this.#exitAfter(process, exit))
    this.#changed()
  }

  removeOneOff(name: string): void {
    const process = this.#oneOffs.get(name)
    if (process === undefined) return
    this.#end(process, 137, false)
    this.#oneOffs.delete(name)
    this.#changed()
  }

  /** Of all containers, what each has written: what `write` said, else nothing. */
  diskUse(): readonly ContainerDisk[] {
    return this.all().map(({ container, service, labels }) => {
      return { container, service, labels, bytes: this.#written.get(container) ?? 0 }
    })
  }

  /** A process writes so many bytes into its own layer. */
  write(container: string, bytes: number): void {
    this.#written.set(container, (this.#written.get(container) ?? 0) + bytes)
  }

  /** From outside, with all that it wrote. */
  remove(container: string): void {
    const process = this.all().find(one => one.container === container)
    if (process === undefined) return
    this.#end(process, 137, false)
    this.#processes.delete(container)
    this.#oneOffs.delete(process.name)
    this.#written.delete(container)
    this.#changed()
  }

  /** A process dies by itself: `kill -9` from outside, a crash, memory. */
  kill(container: string, code = 137, outOfMemory = false): void {
    const process = this.all().find(one => one.container === container)
    if (process !== undefined) this.#end(process, code, outOfMemory)
  }

  /** Resolves when the process has ended. */
  async exited(process: FakeProcess, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const forget = this.onChange(() => process.state === 'exited' && resolve())
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (process.state === 'exited') resolve()
    if (signal.aborted) abort()
    try {
      await promise
    } finally {
      forget()
      signal.removeEventListener('abort', abort)
    }
  }

  /** One slot of a service for as long as the service lives: a task, its end, the delay, the next task. */
  async #keepSlot(service: ServiceTasks, slot: number): Promise<void> {
    const signal = service.ended.signal
    for (;;) {
      const task: Task = { id: this.#id('t'), slot, state: 'preparing', error: null, process: null }
      service.tasks.push(task)
      this.#forgetOldTasks(service, slot)
      const behaviour = this.#behaviourOf(service.spec.image, service.spec.command)
      if (behaviour.trouble === 'no-room' || (service.spec.policy.reservedMemory ?? 0) > nodeMemory) {
        task.state = 'pending'
        task.error = 'no suitable node (insufficient resources on 1 node)'
        return
      }
      await this.#clock.sleep(behaviour.startMs, signal)
      if (behaviour.trouble === 'image-missing') {
        task.state = 'rejected'
        task.error = `No such image: ${service.spec.image}`
      } else {
        await this.#runTask(service.spec, task, behaviour, signal)
      }
      await this.#clock.sleep(restartDelayMs, signal)
    }
  }

  /** As Swarm does: the last five tasks of a slot, and their containers, are kept. */
  #forgetOldTasks({ tasks }: ServiceTasks, slot: number): void {
    const ofSlot = tasks.filter(task => task.slot === slot)
    for (const old of ofSlot.slice(0, -5)) {
      tasks.splice(tasks.indexOf(old), 1)
      if (old.process) this.#processes.delete(old.process.container)
    }
  }

  async #runTask(spec: ServiceSpec, task: Task, behaviour: Behaviour, signal: AbortSignal): Promise<void> {
    const process = this.#start(spec, behaviour, { service: spec.name, slot: task.slot, hasPort: spec.port !== null })
    task.process = process
    task.state = 'running'
    this.#processes.set(process.container, process)
    this.#changed()
    if (behaviour.exit) this.#background(this.#exitAfter(process, behaviour.exit))
    await this.exited(process, signal)
    task.state = process.exitCode === 0 ? 'complete' : 'failed'
    task.error = process.exitCode === 0 ? null : `task: non-zero exit (${process.exitCode})`
  }

  #start(
    spec: ServiceSpec | OneOffSpec,
    behaviour: Behaviour,
    place: { service: string | null; slot: number; hasPort: boolean },
  ): FakeProcess {
    const now = this.#clock.now()
    return {
      container: this.#id('k'),
      node: this.node,
      image: spec.image,
      service: place.service,
      slot: place.slot,
      name: place.service === null ? spec.name : `${spec.name}.${place.slot}`,
      labels: spec.labels,
      network: spec.network,
      startedAt: now,
      hostPort: place.hasPort ? this.#freePort() : null,
      listensAt: behaviour.listenMs === null ? null : now + behaviour.listenMs,
      lines: behaviour.lines ?? [],
      state: 'running',
      stopping: false,
      exitCode: null,
      outOfMemory: false,
    }
  }

  async #exitAfter(process: FakeProcess, exit: NonNullable<Behaviour['exit']>): Promise<void> {
    await this.#clock.sleep(exit.afterMs, this.#endOf(process))
    this.#end(process, exit.code, exit.outOfMemory ?? false)
  }

  async #stop(process: FakeProcess, graceMs: number): Promise<void> {
    process.stopping = true
    this.#changed()
    const { stopMs } = this.#behaviourOf(process.image, null)
    await this.#clock.sleep(Math.min(stopMs, graceMs))
    this.#end(process, stopMs > graceMs ? 137 : 0, false)
    // A keeper sees the exit; Swarm removes the container soon after.
    await this.#clock.sleep(restartDelayMs)
    this.#processes.delete(process.container)
    this.#changed()
  }

  #end(process: FakeProcess, code: number, outOfMemory: boolean): void {
    if (process.state === 'exited') return
    process.state = 'exited'
    process.exitCode = code
    process.outOfMemory = outOfMemory
    this.#ends.get(process.container)?.abort(over)
    this.#ends.delete(process.container)
    this.#changed()
  }

  #endOf(process: FakeProcess): AbortSignal {
    const end = this.#ends.get(process.container) ?? new AbortController()
    this.#ends.set(process.container, end)
    return end.signal
  }

  #freePort(): number {
    const taken = new Set(this.all().flatMap(one => (one.state === 'running' && one.hostPort ? [one.hostPort] : [])))
    let port = firstPort
    while (taken.has(port)) port++
    return port
  }

  #id(kind: string): string {
    return `${kind}${(++this.#count).toString(16).padStart(11, '0')}`
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** The fake's own lives. They end by the removal of their service, which is no error. */
  #background(life: Promise<void>): void {
    life.catch((error: unknown) => {
      if (error !== over) throw error
    })
  }
}
