import type { Principal } from '../../src/access/principal.ts'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { AppError } from '../../src/core/errors.ts'
import { defaultLimits, type Limits } from '../../src/core/limits.ts'
import {
  parseAppName,
  parseBranchName,
  parseCommitId,
  parseEnvironmentName,
  type CommitId,
} from '../../src/core/names.ts'
import { systemClock } from '../../src/core/system.ts'
import type { AppRow, EnvironmentRow } from '../../src/store/store.ts'
import { createGitListener, type GitListener } from '../../src/commit/http/listener.ts'
import { gitProgram } from '../../src/commit/git/program.ts'
import { GitRepositories } from '../../src/commit/git/repositories.ts'
import { ScriptedPipeline, type ScriptedRun } from './scripted-pipeline.ts'

const signal = new AbortController().signal
const goodToken = `Basic ${Buffer.from('x:good-token').toString('base64')}`
const hooks = join(import.meta.dirname, '../../images/control/hooks')

interface RigOptions {
  readonly pushBytes?: () => number
  readonly limits?: Partial<Limits>
  readonly freeBytes?: () => Promise<number>
}

/** For tests: the real listener on loopback, real repositories, a real git client; only pipeline and rows are scripted. */
export class PushRig {
  readonly app = parseAppName('shop')
  readonly repositories: GitRepositories
  readonly pipeline: ScriptedPipeline
  readonly listener: GitListener
  readonly logged: string[] = []
  readonly #folder: string
  readonly #server: Server
  #port = 0

  static async make(options: RigOptions = {}): Promise<PushRig> {
    const rig = new PushRig(await mkdtemp(join(tmpdir(), 'lading-push-')), options)
    await rig.repositories.create(rig.app, signal)
    await rig.listener.start(signal)
    await new Promise<void>(resolve => rig.#server.listen(0, '127.0.0.1', resolve))
    rig.#port = (rig.#server.address() as AddressInfo).port
    await mkdir(rig.work)
    await rig.git(['init', '--quiet', '--initial-branch=main', '.'])
    return rig
  }

  private constructor(folder: string, { limits = {}, freeBytes, ...options }: RigOptions) {
    const all = () => ({ ...defaultLimits, ...limits })
    this.#folder = folder
    this.repositories = new GitRepositories(gitProgram({ root: join(folder, 'git'), hooks, ...options }), all)
    this.pipeline = new ScriptedPipeline(this.repositories)
    this.listener = createGitListener({
      repositories: this.repositories,
      store: {
        findApp: async app => this.#apps.get(app) ?? null,
        environmentOfBranch: async (_, branch) => bound(branch),
        listEnvironments: async () => ['main', 'staging'].map(branch => bound(branch)!),
        servingRelease: async () => null,
      },
      pipeline: this.pipeline,
      authenticate: async ({ headers }) => (headers.authorization === goodToken ? this.principal : null),
      revoked: () => this.revoked.signal,
      authorize: async (_, { app }) => {
        if (app === 'broken') throw new AppError('unavailable', 'the store does not answer')
        return app !== 'foreign'
      },
      runDir: join(folder, 'run'),
      clock: systemClock,
      limits: all,
      ...(freeBytes ? { freeBytes } : {}),
      log: (event, facts) => this.logged.push(`${event} ${JSON.stringify(facts)}`),
    })
    this.#server = createServer({ requestTimeout: 0 }, (request, response) => {
      if (!this.listener.handle(request, response)) response.writeHead(404).end()
    })
  }

  readonly #apps = new Map<string, AppRow>(
    ['shop', 'foreign', 'broken'].map(name => [
      name,
      { app: parseAppName(name), createdAt: 0, createdBy: 'ada', destroyedAt: null },
    ]),
  )

  /** Takes the good token back. */
  readonly revoked = new AbortController()

  /** Whom the good token is of. */
  principal: Principal = { kind: 'member', name: 'ada', grants: [], credential: { kind: 'token', id: 'a' } }

  destroy(): void {
    this.#apps.set('shop', { ...this.#apps.get('shop')!, destroyedAt: 1 })
  }

  get work(): string {
    return join(this.#folder, 'work')
  }

  get port(): number {
    return this.#port
  }

  url(app = 'shop', token = 'good-token', port = this.#port): string {
    return `http://x:${token}@127.0.0.1:${port}/${app}.git`
  }

  /** Commits these files on the current branch. */
  async commit(files: Readonly<Record<string, string>>, message = 'A commit'): Promise<CommitId> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.work, path)), { recursive: true })
      await writeFile(join(this.work, path), text)
    }
    await this.git(['add', '--all'])
    await this.git(['commit', '--quiet', '--message', message])
    return this.head()
  }

  async head(): Promise<CommitId> {
    return parseCommitId((await this.git(['rev-parse', 'HEAD'])).stdout.trim())
  }

  /** `refs/heads/main de63889…`, sorted: what the server holds. */
  async refs(): Promise<readonly string[]> {
    const { stdout } = await this.git([
      `--git-dir=${join(this.repositories.program.root, 'shop.git')}`,
      'for-each-ref',
      '--format=%(refname) %(objectname)',
    ])
    return stdout.split('\n').filter(line => line !== '')
  }

  /** Files of the repository that hold objects, and their bytes. */
  async stored(): Promise<{ readonly files: readonly string[]; readonly bytes: number }> {
    const folder = join(this.repositories.program.root, 'shop.git', 'objects')
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
    const sizes = await Promise.all(files.map(async file => (await stat(file)).size))
    return { files: files.map(file => file.slice(folder.length + 1)), bytes: sizes.reduce((a, b) => a + b, 0) }
  }

  /** Rejects when git fails. */
  async git(args: readonly string[]): Promise<{ stdout: string }> {
    const client = this.start(args)
    const { code, stdout, stderr } = await client.end
    if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
    return { stdout }
  }

  push(...args: readonly string[]): GitClient {
    return this.start(['push', this.url(), ...args])
  }

  /** The `number`th run, which this push causes; rejects with all that git printed when it ends without. */
  run(push: GitClient, number: number): Promise<ScriptedRun> {
    const ended = push.end.then(({ stderr }) => {
      throw new Error(`git ended before run ${number}:\n${stderr}\n${this.logged.join('\n')}`)
    })
    return Promise.race([this.pipeline.run(number), ended])
  }

  start(args: readonly string[]): GitClient {
    const env = {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: this.#folder,
      LC_ALL: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      ...Object.fromEntries(
        ['AUTHOR', 'COMMITTER'].flatMap(who => [
          [`GIT_${who}_NAME`, 'Ada'],
          [`GIT_${who}_EMAIL`, 'ada@example.com'],
        ]),
      ),
    }
    // A group of its own, as a shell gives it: ctrl-C reaches git and its helpers at once.
    return new GitClient(spawn('git', args, { cwd: this.work, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
    await this.listener.stop()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

export class GitClient {
  readonly end: Promise<{ code: number | null; stdout: string; stderr: string }>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout!.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()))
    child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.end = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve({ code, stdout: this.#stdout, stderr: clean(this.#stderr) }))
    })
  }

  /** Resolves when git has printed this; rejects with all it printed when it ends before. */
  async prints(text: string): Promise<void> {
    for (;;) {
      if (clean(this.#stderr).includes(text)) return
      const more = new Promise<'more'>(resolve => this.#child.stderr!.once('data', () => resolve('more')))
      if ((await Promise.race([more, this.end])) !== 'more') {
        if (clean(this.#stderr).includes(text)) return
        throw new Error(`git never printed ${JSON.stringify(text)}:\n${clean(this.#stderr)}`)
      }
    }
  }

  /** To git and all its helpers. */
  kill(signal: NodeJS.Signals): void {
    process.kill(-this.#child.pid!, signal)
  }
}

/** Git pads `remote:` lines to wipe what stood there. */
function clean(text: string): string {
  return text.replace(/\u001b\[K/g, '').replace(/[ ]+$/gm, '')
}

function bound(branch: string): EnvironmentRow | null {
  const environment = { main: 'production', staging: 'staging' }[branch]
  if (environment === undefined) return null
  return {
    app: parseAppName('shop'),
    environment: parseEnvironmentName(environment),
    branch: parseBranchName(branch),
  }
}
