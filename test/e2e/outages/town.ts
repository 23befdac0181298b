import { isDeepStrictEqual } from 'node:util'
import { eventually } from '../../rig/eventually.ts'
import type { App, Platform } from '../host.ts'
import { Site } from '../kills/site.ts'
import { call } from '../kills/socket.ts'

interface Answer {
  readonly status: number
  readonly body: string
}

/** When everything answered again, counted from the engine's first answer (ms), and what took longest. */
export interface Recovery {
  readonly allMs: number
  readonly slowest: string
  /** Each part by the time of its first right answer. */
  readonly parts: Readonly<Record<string, number>>
}

/**
 * A platform as people live on it: config, a worker, an app that sleeps (scaled to 0), one that ends at its start while
 * its neighbour is not up yet, and one that is pushed to (`site`).
 */
export class Town {
  readonly platform: Platform
  readonly site: Site
  /** Host names and what they answered when all was well. */
  readonly #asBefore: ReadonlyMap<string, Answer>

  private constructor(platform: Platform, site: Site, asBefore: ReadonlyMap<string, Answer>) {
    this.platform = platform
    this.site = site
    this.#asBefore = asBefore
  }

  static async settle(platform: Platform): Promise<Town> {
    const { host, domain } = platform
    const site = await Site.make(platform)
    const shop = await platform.create('shop', 'apps/hello')
    const crew = await platform.create('crew', 'apps/worker')
    const asleep = await platform.create('asleep', 'apps/hello')
    const needy = await platform.create('needy', 'apps/needs-neighbour')
    const facts = JSON.parse(await host.run(['cat', '/etc/lading/install.json'])) as { clusterAddress: string }
    // Not what any other app says.
    await crew.commitVersion('crew')
    await shop.lading(['set', 'GREETING=open'])
    await needy.lading(['set', `EDGE=${facts.clusterAddress}`, `NEIGHBOUR=${shop.hostName}`])
    const pushed = async (app: App): Promise<void> => {
      const push = await app.push()
      if (push.code !== 0) throw new Error(push.stderr)
    }
    await Promise.all([
      pushed(shop).then(() => pushed(needy)),
      pushed(crew).then(() => crew.lading(['scale', 'worker=1'])),
      pushed(asleep).then(() => asleep.lading(['scale', 'web=0'])),
    ])
    const wanted = new Map<string, Answer>()
    for (const { hostName } of [shop, crew, asleep, needy]) wanted.set(hostName, await answerOf(platform, hostName))
    const stories = [...wanted].map(([name, { status, body }]) => `${name} ${status} ${body.split('\n')[0]}`)
    const good = [/200 v1 open$/, /200 crew$/, /503 No process/, /200 beside v1 open$/]
    if (!good.every((pattern, at) => pattern.test(stories[at] ?? ''))) throw new Error(stories.join('\n'))
    // Where it was installed with its example.
    const hello = await answerOf(platform, `hello.${domain}`)
    if (hello.status === 200) wanted.set(`hello.${domain}`, hello)
    return new Town(platform, site, wanted)
  }

  /**
   * Resolves when control plane, edge, every app and the worker are as they were. `since` is when the engine answered, on
   * `performance.now()`'s clock. Late is not wrong (nothing listens yet, 502, 503); another app's word is, or the edge's
   * that there is no such app: then it rejects.
   */
  async recovers(since: number): Promise<Recovery> {
    const parts: Record<string, number> = {}
    const { site } = this
    const wanted = new Map([...this.#asBefore, [site.app.hostName, null]])
    let open: readonly string[] = []
    const done = (part: string, isRight: boolean): void => {
      if (isRight) parts[part] ??= Math.round(performance.now() - since)
      else open = [...open, part]
    }
    const wrong: string[] = []
    await eventually(
      'everything answers as before',
      async () => {
        open = []
        const hosts = [...wanted].map(async ([name, before]) => {
          const answer = await answerOf(this.platform, name)
          const isRight = before === null ? isVersion(site, answer) : isDeepStrictEqual(answer, before)
          if (!isRight && answer.status > 0 && answer.status < 500)
            wrong.push(`${name}: ${answer.status} ${answer.body}`)
          done(name, isRight)
        })
        await Promise.all([
          ...hosts,
          this.#platformAnswers().then(isRight => done('control plane', isRight)),
          this.#workerRuns().then(isRight => done('worker', isRight)),
        ])
        if (wrong.length > 0 || open.length === 0) return true
        throw new Error(`not yet: ${open.join(', ')}; right after (ms): ${JSON.stringify(parts)}`)
      },
      { withinMs: 180_000 },
    )
    if (wrong.length > 0) throw new Error(`a wrong answer: ${wrong.join('\n')}`)
    const [slowest, allMs] = Object.entries(parts).reduce((one, other) => (other[1] > one[1] ? other : one))
    return { allMs, slowest, parts }
  }

  /** At its socket and through the edge. */
  async #platformAnswers(): Promise<boolean> {
    const direct = await call(this.platform.host, 'control.sock', '/v1/healthz').catch(() => null)
    const { status, body } = await answerOf(this.platform, `lading.${this.platform.domain}`, '/v1/healthz')
    return direct?.status === 200 && status === 200 && body.includes('"status":"ok"')
  }

  async #workerRuns(): Promise<boolean> {
    const labels = ['label=lading.app=crew', 'label=lading.type=worker'].flatMap(label => ['--filter', label])
    const { stdout } = await this.platform.host.exec(['docker', 'ps', '--quiet', ...labels])
    return stdout.trim().split('\n').filter(Boolean).length === 1
  }

  [Symbol.dispose](): void {
    this.site[Symbol.dispose]()
  }
}

/** Status 0: nothing listens, or none came within three seconds. */
async function answerOf(platform: Platform, host: string, path = '/'): Promise<Answer> {
  const signal = AbortSignal.timeout(3_000)
  const late = new Promise<null>(resolve => signal.addEventListener('abort', () => resolve(null), { once: true }))
  const answer = await Promise.race([platform.get(host, path).catch(() => null), late])
  // The edge's own pages name each request.
  return answer ? { ...answer, body: answer.body.replace(/^request id: .*$/m, '') } : { status: 0, body: '' }
}

/** Of the app that is pushed to: one that has gone live, or the one whose push the outage met. */
function isVersion(site: Site, { status, body }: Answer): boolean {
  return status === 200 && /^v\d+$/.test(body.trim())
}
