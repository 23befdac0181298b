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
    const said = await pushed(app)
    assert.match(said, /Serving the pages of the repository with nginx/)
    assert.match(said, /Warning: _redirects line 5 is not read/)
    const first = await get(app, '/')
    assert.match(first.body, /pages v1/)
    assert.equal(first.headers.get('cache-control'), 'no-cache')
    assert.equal((await get(app, '/style.css')).headers.get('content-encoding'), 'gzip')
    const missing = await get(app, '/no/such/page')
    assert.deepEqual([missing.status, /no such page/.test(missing.body)], [404, true])
    assert.match((await get(app, '/docs/')).body, /docs/)
    assert.equal((await get(app, '/.gitignore')).status, 404)
    // _redirects and _headers
    const moved = await get(app, '/blog/a%0d%0aevil:1')
    assert.deepEqual([moved.status, moved.headers.get('location')], [301, '/docs/a%0d%0aevil:1'])
    assert.equal((await get(app, '/user/7')).headers.get('location'), '/people/7')
    assert.equal((await get(app, '/app/deep/path')).body, first.body)
    const docs = (await get(app, '/docs/')).headers
    assert.deepEqual([docs.get('x-frame-options'), docs.get('cache-control')], ['DENY', 'public, max-age=60'])
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

  test('a Node app gets the major that it asks for, which is in npm', async () => {
    const app = await created('node-22')
    assert.match(await pushed(app), /Assembling a Node 22\./)
    await app.answers('node 22 172800000')
  })

  test('bun installs by its lock file, and runs what it is to run', async () => {
    const app = await created('bun')
    await pushed(app)
    await app.answers('bun 172800000 1.4.5')
  })

  test('of a workspace, the one package that starts a server is started', async () => {
    const app = await created('workspace')
    await pushed(app)
    await app.answers('a workspace 172800000')
  })

  test('PHP as it lies there: .htaccess, HTTPS, its log; a code-only push never meets the builder', async () => {
    const app = await created('php')
    assert.match(await pushed(app), /Assembling a PHP 8\.\d app from layers, for Apache/)
    await app.answers('php v1 8 2 on')
    assert.match((await get(app, '/about')).body, /about/)
    assert.equal((await get(app, '/.htaccess')).status, 404)
    await app.commitVersion('php v2')
    assert.match(await pushed(app), /layers, 1 new/)
    await app.answers('php v2 8 2 on')
    const id = await platform().host.run(['docker', 'ps', '--quiet', '--filter', `label=lading.app=${app.name}`])
    assert.equal(await platform().host.run(['docker', 'exec', id.split('\n')[0]!, 'id', '-un']), 'app')
  })

  test('PHP with Composer, an extension of Debian, and scripts that Node builds', async () => {
    const app = await created('php-composer')
    assert.match(await pushed(app), /Scripts and styles are built with Node/)
    assert.match((await get(app, '/any/path')).body, /composer French \/any\/path/)
    assert.match((await get(app, '/built.txt')).body, /built by node 24/)
  })

  test('Ruby with gems that lie in the repository, for no registry is reached', async () => {
    const app = await created('ruby')
    const { host } = platform()
    const packages = ['ruby-sinatra', 'ruby-rackup', 'ruby-webrick', 'ruby-bundler']
    await host.run(['apt-get', 'update', '-qq'])
    await host.run(['apt-get', 'install', '-qq', '--yes', '--no-install-recommends', ...packages])
    const gems = [`${app.folder}/vendor/cache`, 'sinatra', 'rackup', 'webrick']
    await host.run(['ruby', '/opt/lading/test/fixtures/gems.rb', ...gems])
    await host.run(['bundle', 'lock', '--local'], { cwd: app.folder })
    await app.commit('Gems')
    assert.match(await pushed(app), /Building a Ruby 3\.3 app with Bundler/)
    await app.answers('ruby v1 4')
  })

  test('Rust: what a second commit changed is built, although dependencies are kept', async () => {
    const app = await created('rust')
    assert.match(await pushed(app), /Building a Rust/)
    await app.answers('rust v1')
    await app.write('src/main.rs', (await app.read('src/main.rs')).replace('rust {}', 'rust again {}'))
    await app.commit('Again')
    assert.doesNotMatch(await pushed(app), /Compiling tiny_http/)
    await app.answers('rust again v1')
  })

  test('Java: Spring Boot by Maven, whose jars are a layer that a code-only push does not ship', async () => {
    const app = await created('java')
    assert.match(await pushed(app), /Building a Java 21 app with Maven/)
    await app.answers('java v1 21')
    const main = 'src/main/java/com/example/shop/ShopApplication.java'
    await app.write(main, (await app.read(main)).replace('java v1', 'java v2'))
    await app.commit('Again')
    assert.match(await pushed(app), /layers, 1 new/)
    await app.answers('java v2 21')
  })

  test("Java without a wrapper: Debian's Gradle, and the push says so", async () => {
    const app = await created('gradle')
    assert.match(await pushed(app), /Warning: there is no wrapper of Gradle/)
    await app.answers('gradle v1')
  })

  test('a Dockerfile below the root, with its folder, a stage and arguments from lading.yaml', async () => {
    const app = await created('dockerfile-below')
    assert.match(await pushed(app), /Building with web\/Dockerfile/)
    await app.answers('from a folder')
  })

  test('a Dockerfile’s program that reads no PORT: what it exposes is where it is met; "port:" counts before that', async () => {
    const app = await created('own-port')
    await pushed(app)
    await app.answers('my port 3000, told 3000')
    await app.write('server.js', (await app.read('server.js')).replace('port = 3000', 'port = 5000'))
    await app.write('lading.yaml', 'port: 5000\n')
    await app.commit('Another port')
    await pushed(app)
    await app.answers('my port 5000, told 5000')
  })

  test('of a repository with two apps, root: names the folder of each', async () => {
    const app = await created('two-folders')
    await pushed(app)
    await app.answers('from server/')
    await app.write('client/index.html', 'other pages')
    await app.commit('Of the other app')
    assert.match(await pushed(app), /This tree was built before/)
  })

  test('old Python dependencies: a driver without a wheel finds its library, a server the module that is gone', async () => {
    const app = await created('old-python')
    assert.match(await pushed(app), /Adding setuptools[^ ]*: a dependency imports pkg_resources/)
    await app.answers('old python v1 2.9.6 17')
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
