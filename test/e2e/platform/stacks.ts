import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { App, Platform } from '../host.ts'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** One real app of each stack, with dependencies from real registries, pushed as its author would. */
export function stacks(platform: () => Platform): void {
  const pushed = async (app: App): Promise<string> => {
    const push = await app.push()
    assert.equal(push.code, 0, push.stderr)
    return push.stderr
  }
  const created = (name: string) => platform().create(name, `apps/${name}`)

  /** With its headers, asked on the server as a browser would. */
  const get = async (app: App, path: string, headers: readonly string[] = []): Promise<Answer> => {
    const all = [`host: ${app.hostName}`, ...headers].flatMap(header => ['--header', header])
    const argv = ['curl', '--silent', '--compressed', '--include', ...all, `http://127.0.0.1${path}`]
    const answer = (await platform().host.run(argv)).replaceAll('\r', '')
    const [head = '', ...body] = answer.split('\n\n')
    const [status = '', ...lines] = head.split('\n')
    const pairs = lines
      .filter(line => line.includes(': '))
      .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
    return { status: Number(status.split(' ')[1]), headers: new Headers(pairs), body: body.join('\n\n') }
  }

  test('pages without a build: compressed, with the site’s own 404 page, and a new ETag for new content', async () => {
    const app = await created('pages')
    assert.match(await pushed(app), /Serving the pages of the repository with nginx/)
    const first = await get(app, '/')
    assert.match(first.body, /pages v1/)
    assert.equal(first.headers.get('cache-control'), 'no-cache')
    assert.equal((await get(app, '/style.css')).headers.get('content-encoding'), 'gzip')
    const missing = await get(app, '/no/such/page')
    assert.deepEqual([missing.status, /no such page/.test(missing.body)], [404, true])
    assert.match((await get(app, '/docs/')).body, /docs/)
    assert.equal((await get(app, '/.gitignore')).status, 404)
    const etag = first.headers.get('etag') ?? ''
    assert.equal((await get(app, '/', [`if-none-match: ${etag}`])).status, 304)

    // As long as the old one: only what it says differs.
    await app.write('index.html', (await app.read('index.html')).replace('pages v1', 'pages v2'))
    await app.commit('Second version')
    // On its own layer, without the builder.
    assert.doesNotMatch(await pushed(app), /Getting nginx/)
    const second = await get(app, '/', [`if-none-match: ${etag}`])
    assert.deepEqual([second.status, /pages v2/.test(second.body)], [200, true])
  })

  test('a single-page application of Vite: built with Node, served without it, one page for every path', async () => {
    const app = await created('vite')
    assert.match(await pushed(app), /Building static pages with Vite/)
    const page = await get(app, '/')
    const [, script = ''] = /src="(\/assets\/[^"]+\.js)"/.exec(page.body) ?? []
    assert.match((await get(app, script)).body, /vite v1/)
    assert.equal((await get(app, '/any/path')).body, page.body)
    assert.equal((await get(app, '/assets/missing.js')).status, 404)
    const id = await platform().host.run(['docker', 'ps', '--quiet', '--filter', `label=lading.app=${app.name}`])
    assert.match(
      await platform().host.run(['docker', 'exec', id, 'sh', '-c', 'id -un; command -v node || echo none']),
      /^app\nnone$/,
    )
  })

  test('Flask from requirements.txt: a server is added, and a code-only push never meets the builder', async () => {
    const app = await created('flask')
    assert.match(await pushed(app), /Flask is served by gunicorn/)
    await app.answers('v1')
    await app.commitVersion('v2')
    const second = await pushed(app)
    assert.doesNotMatch(second, /Installing dependencies/)
    assert.match(second, /layers, 1 new/)
    await app.answers('v2')
  })

  test('Django: its static files are collected, its migrations are named as a release phase', async () => {
    const app = await created('django')
    assert.match(await pushed(app), /release: python manage.py migrate/)
    const style = (await get(app, '/')).body.trim()
    assert.match(style, /^\/static\/mysite\/style\.[0-9a-f]+\.css$/)
    assert.match((await get(app, style)).body, /color: black/)
  })

  test('FastAPI from a lock file of uv', async () => {
    const app = await created('fastapi')
    assert.match(await pushed(app), /FastAPI is served by uvicorn/)
    await app.answers('fastapi v1')
  })

  test('Go with the toolchain that go.mod names, of several programs the one called server', async () => {
    const app = await created('go')
    assert.match(await pushed(app), /Programs in PATH: server, worker/)
    await app.answers('v1 go1.25.1')
  })

  test('a Node app without a lock file is built, and the push says what that means', async () => {
    const app = await created('no-lock')
    assert.match(await pushed(app), /Warning: there is no lock file: .*"npm install" writes one/)
    await app.answers('no lock 172800000')
  })

  test('a repository of services is told what was seen in it, and what to add', async () => {
    const app = await platform().create('services', 'apps/hello')
    await app.git(['rm', '--quiet', '-r', '.'])
    await platform().host.run(['mkdir', '-p', `${app.folder}/api`, `${app.folder}/web`])
    await app.write('api/Dockerfile', 'FROM debian:trixie\n')
    await app.write('web/Dockerfile', 'FROM debian:trixie\n')
    await app.write('compose.yaml', 'services: {}\n')
    await app.commit('Services')
    const { code, stderr } = await app.push()
    assert.notEqual(code, 0)
    assert.match(stderr, /seen: Dockerfiles in api\/ and web\/, a compose\.yaml/)
    assert.match(stderr, /build: \{ context: api \}/)
  })
}
