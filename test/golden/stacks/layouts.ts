const json = (value: unknown): string => JSON.stringify(value)

/** Repositories as people start them: every path, with as much text as decides. */
export const layouts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'static-root': { 'index.html': '', 'style.css': '', '404.html': '', _redirects: '' },
  'static-rules': {
    'index.html': '',
    _redirects:
      '# old ones\n/blog/*  /news/:splat\n/user/:id /people/:id 302\n/forced /other 301!\n/api/* https://api.example.com/:splat 200\n/store id=:id /x\n/* /index.html 200\n',
    _headers:
      "/*\n  X-Frame-Options: DENY\n  Content-Security-Policy: default-src 'self'; img-src *\n/fonts/*\n  Cache-Control: public, max-age=31536000\n  Content-Type: text/plain\n",
  },
  'static-public': { 'public/index.html': '', 'README.md': '' },
  'static-beside-tools': { 'index.html': '', 'package.json': json({ devDependencies: { prettier: '3' } }) },
  'static-vite': {
    'index.html': '',
    'vite.config.ts': '',
    'src/main.ts': '',
    'package-lock.json': '',
    'package.json': json({
      scripts: { dev: 'vite', build: 'tsc && vite build', preview: 'vite preview' },
      devDependencies: { vite: '^8', typescript: '^6' },
    }),
  },
  'static-cra': {
    'public/index.html': '',
    'src/index.js': '',
    'yarn.lock': '',
    'package.json': json({
      scripts: { start: 'react-scripts start', build: 'react-scripts build' },
      dependencies: { react: '19', 'react-scripts': '5.0.1' },
    }),
  },
  'static-astro': {
    'astro.config.mjs': "export default defineConfig({ outDir: './site' })",
    'pnpm-lock.yaml': '',
    'package.json': json({
      scripts: { dev: 'astro dev', start: 'astro dev', build: 'astro build' },
      dependencies: { astro: '^6' },
    }),
  },
  'static-own-build': {
    'build.js': '',
    'package.json': json({ scripts: { build: 'node build.js' } }),
  },
  'node-express': {
    'package-lock.json': '',
    'server.js': '',
    'package.json': json({ scripts: { start: 'node server.js' }, dependencies: { express: '5' } }),
  },
  'node-start-for-development': {
    'package-lock.json': '',
    'src/index.ts': '',
    'package.json': json({
      scripts: { start: 'nodemon --exec ts-node src/index.ts' },
      dependencies: { express: '5' },
      devDependencies: { nodemon: '3', 'ts-node': '10', typescript: '5' },
    }),
  },
  'node-start-builds': {
    'package-lock.json': '',
    'package.json': json({
      scripts: { build: 'tsc', start: 'npm run build && node dist/main.js' },
      dependencies: { express: '5' },
      devDependencies: { typescript: '5' },
    }),
  },
  'node-start-for-development-beside-procfile': {
    'package-lock.json': '',
    'app.js': '',
    Procfile: 'web: node app.js\n',
    'package.json': json({
      scripts: { start: 'nodemon app.js' },
      dependencies: { express: '5' },
      devDependencies: { nodemon: '3' },
    }),
  },
  'refused-nothing-to-start': {
    'src/index.js': '',
    'yarn.lock': '',
    'package.json': json({
      scripts: { dev: 'nodemon src/index.js' },
      main: 'index.js',
      dependencies: { express: '4' },
    }),
  },
  'refused-workspace-of-dockerfiles': {
    'pyproject.toml': '[tool.uv.workspace]\nmembers = ["backend"]\n',
    'uv.lock': '',
    'package.json': json({ workspaces: ['frontend'] }),
    'compose.yml': '',
    'backend/Dockerfile': '',
    'backend/pyproject.toml': '',
    'frontend/Dockerfile': '',
    'frontend/package.json': json({ scripts: { build: 'vite build' } }),
  },
  'php-of-heroku': {
    Procfile: 'web: heroku-php-apache2 web/\n',
    'composer.json': json({ require: {} }),
    'web/index.php': '',
  },
  'node-no-lock': {
    'index.js': '',
    '.nvmrc': 'lts/iron\n',
    'bun.lock': '',
    'package.json': json({ dependencies: { express: '5' } }),
  },
  'node-no-lock-built': {
    'package.json': json({
      packageManager: 'pnpm@10.4.1',
      scripts: { build: 'tsc', start: 'node dist/main.js' },
      dependencies: { express: '5' },
      devDependencies: { typescript: '6' },
    }),
  },
  'node-18': {
    'package-lock.json': '',
    'server.js': '',
    'package.json': json({
      engines: { node: '18.x' },
      scripts: { start: 'node server.js' },
      dependencies: { express: '4' },
    }),
  },
  'node-22-exact': { '.nvmrc': 'v22.11.0\n', 'index.js': '', 'package.json': '{}' },
  'node-unknown': { '.nvmrc': '19\n', 'index.js': '', 'package.json': '{}' },
  'node-bun': {
    'bun.lock': '',
    'index.ts': '',
    'package.json': json({
      module: 'index.ts',
      type: 'module',
      private: true,
      devDependencies: { '@types/bun': 'latest' },
    }),
  },
  'node-hono-bun': {
    'src/index.ts': '',
    'tsconfig.json': '{}',
    'package.json': json({
      name: 'shop',
      scripts: { dev: 'bun run --hot src/index.ts' },
      dependencies: { hono: '^4.13.19' },
      devDependencies: { '@types/bun': 'latest' },
    }),
  },
  'node-next-on-old-node': {
    '.nvmrc': '18\n',
    'next.config.js': '',
    'package.json': json({
      scripts: { dev: 'next dev', build: 'next build', start: 'next start' },
      dependencies: { next: 'latest', react: 'latest', 'react-dom': 'latest' },
    }),
  },
  'node-turborepo': {
    'pnpm-lock.yaml': '',
    'pnpm-workspace.yaml': 'packages:\n  - apps/*\n  - packages/*\n',
    'turbo.json': '{}',
    'apps/web/package.json': json({
      scripts: { dev: 'next dev', build: 'next build', start: 'next start' },
      dependencies: { next: '16' },
    }),
    'packages/ui/package.json': json({ name: '@repo/ui' }),
    'package.json': json({
      private: true,
      packageManager: 'pnpm@10.28.0',
      engines: { node: '>=18' },
      scripts: { build: 'turbo run build', dev: 'turbo run dev' },
      devDependencies: { turbo: '^2' },
    }),
  },
  'node-turborepo-two': {
    'package-lock.json': '',
    'apps/docs/package.json': json({ scripts: { start: 'next start' } }),
    'apps/web/package.json': json({ scripts: { start: 'next start' } }),
    'package.json': json({ workspaces: ['apps/*'], scripts: { build: 'turbo run build', start: 'turbo run start' } }),
  },
  'node-remix': {
    'package-lock.json': '',
    'vite.config.ts': '',
    'package.json': json({
      engines: { node: '>=20' },
      scripts: {
        build: 'react-router build',
        dev: 'react-router dev',
        start: 'react-router-serve ./build/server/index.js',
      },
      dependencies: { '@react-router/node': '7', '@react-router/serve': '7', react: '19' },
      devDependencies: { '@react-router/dev': '7', vite: '7' },
    }),
  },
  'node-astro-server': {
    'package-lock.json': '',
    'astro.config.mjs': "export default defineConfig({ output: 'server', adapter: node({ mode: 'standalone' }) })",
    'package.json': json({
      scripts: { dev: 'astro dev', build: 'astro build' },
      dependencies: { astro: '5', '@astrojs/node': '9' },
    }),
  },
  'node-sveltekit-node': {
    'package-lock.json': '',
    'package.json': json({
      scripts: { dev: 'vite dev', build: 'vite build' },
      devDependencies: { '@sveltejs/kit': '2', '@sveltejs/adapter-node': '5', vite: '8' },
    }),
  },
  'node-nest': {
    'package-lock.json': '',
    '.node-version': '24',
    'package.json': json({
      scripts: { build: 'nest build', start: 'nest start', 'start:prod': 'node dist/main' },
      dependencies: { '@nestjs/core': '^11' },
      devDependencies: { '@nestjs/cli': '^11' },
    }),
  },
  'node-nuxt': {
    'package-lock.json': '',
    'package.json': json({ scripts: { build: 'nuxt build', dev: 'nuxt dev' }, dependencies: { nuxt: '^4' } }),
  },
  'node-next': {
    'package-lock.json': '',
    'next.config.ts': '',
    'package.json': json({
      scripts: { dev: 'next dev', build: 'next build', start: 'next start' },
      dependencies: { next: '16' },
    }),
  },
  'node-sveltekit': {
    'package-lock.json': '',
    'package.json': json({
      scripts: { dev: 'vite dev', build: 'vite build' },
      devDependencies: { '@sveltejs/kit': '2', '@sveltejs/adapter-auto': '7', vite: '8' },
    }),
  },
  'node-vite-with-server': {
    'package-lock.json': '',
    'server.js': '',
    'package.json': json({ scripts: { start: 'node server.js', build: 'vite build' }, devDependencies: { vite: '8' } }),
  },
  'python-flask': { 'requirements.txt': 'Flask==3.1.2\n', 'app.py': 'app = Flask(__name__)\n' },
  'python-flask-factory': {
    'requirements.txt': 'flask\n-r more.txt\n',
    'more.txt': 'gunicorn==27.0.1\n',
    'shop/__init__.py': 'def create_app(test_config=None):\n    return app\n',
  },
  'python-fastapi-uv': {
    'pyproject.toml':
      '[project]\nname = "shop"\nrequires-python = ">=3.12"\ndependencies = ["fastapi[standard]>=0.120", "uvicorn>=0.30"]\n',
    'uv.lock': '',
    '.python-version': '3.12\n',
    'app/__init__.py': '',
    'app/main.py': 'app = FastAPI()\n',
  },
  'python-old-driver': {
    'requirements.txt': 'Django==4.2.1\ngunicorn==20.1.0\npsycopg2-binary==2.9.6\n',
    'manage.py': '',
    'mysite/settings.py': 'ALLOWED_HOSTS = os.getenv("HOSTS").split(",")\n',
    'mysite/wsgi.py': '',
  },
  'refused-gunicorn-too-old': {
    'requirements.txt': 'Flask==2.0.3\ngunicorn==19.9.0\n',
    Procfile: 'web: gunicorn main:app\n',
    'main.py': '',
  },
  'python-old-gunicorn': {
    'requirements.txt': 'Flask==2.0.3\ngunicorn==20.0.4\n',
    Procfile: 'web: gunicorn main:app\n',
    'main.py': '',
  },
  'refused-django-too-old': {
    'requirements.txt': 'Django==1.10.5\ndjangorestframework==3.4.4\n',
    'manage.py': '',
    'conduit/settings.py': 'ALLOWED_HOSTS = []\n',
    'conduit/wsgi.py': '',
  },
  'python-django': {
    'manage.py': '',
    'requirements.txt': 'django==5.2.8\npsycopg2==2.9.11\n',
    'mysite/settings.py': "STATIC_ROOT = BASE_DIR / 'static'\n",
    'mysite/wsgi.py': '',
    'mysite/asgi.py': '',
    'runtime.txt': 'python-3.11.4\n',
  },
  'python-django-closed-hosts': {
    'manage.py': '',
    Procfile: 'web: gunicorn mysite.wsgi\n',
    'requirements.txt': 'django==5.2.8\ngunicorn==27.0.1\n',
    'mysite/settings.py':
      'if IS_OTHER_PLATFORM:\n    ALLOWED_HOSTS = ["*"]\nelse:\n    ALLOWED_HOSTS = [".localhost", "127.0.0.1"]\n',
  },
  'python-django-open-hosts': {
    'manage.py': '',
    'requirements.txt': 'django==5.2.8\ngunicorn==27.0.1\n',
    'mysite/wsgi.py': '',
    'mysite/settings.py': "ALLOWED_HOSTS = [os.environ['HOST'], 'localhost']\n",
  },
  'python-poetry': {
    'pyproject.toml':
      '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.12"\nflask = "^3"\ngunicorn = "*"\n',
    'poetry.lock': '',
    'src/shop/__init__.py': '',
    'src/shop/app.py': 'app = Flask(__name__)\n',
    Procfile: 'web: gunicorn shop.app:app\n',
  },
  'python-pdm': {
    'pyproject.toml': '[project]\nname = "shop"\ndependencies = ["fastapi"]\n',
    'pdm.lock': '',
    'main.py': 'api: FastAPI = FastAPI(title="shop")\n',
  },
  'python-pipenv': { Pipfile: '[packages]\nflask = "*"\n', 'Pipfile.lock': '{}', 'wsgi.py': 'app = Flask(__name__)\n' },
  'python-pyproject': {
    'pyproject.toml': '[project]\nname = "shop"\nrequires-python = ">=3.9,<3.12"\ndependencies = ["flask"]\n',
    'main.py': 'app = Flask(__name__)\n',
  },
  'python-plain': { 'main.py': 'print(1)\n' },
  'python-nothing-to-start': { 'requirements.txt': 'requests==2\n', 'lib/a.py': '' },
  'python-with-tools-of-node': {
    'manage.py': '',
    'requirements.txt': 'Django==5.2.8\ngunicorn==27.0.1',
    'shop/wsgi.py': '',
    'package.json': json({ devDependencies: { tailwindcss: '4' }, scripts: { build: 'tailwindcss' } }),
  },
  'go-root': {
    'go.mod': 'module example.com/shop/v2\n\ngo 1.23\n',
    'main.go': 'package main\n',
    'templates/a.html': '',
  },
  'go-newer': {
    'go.mod': 'module shop\n\ngo 1.25.0\n\ntoolchain go1.25.3\n',
    'cmd/server/main.go': '// x\npackage main\n',
  },
  'go-several': {
    'go.mod': 'module shop\n',
    'cmd/api/main.go': 'package main\n',
    'cmd/worker/main.go': 'package main\n',
    'internal/a.go': 'package internal\n',
  },
  'go-several-unclear': {
    'go.mod': 'module shop\n',
    'cmd/a/main.go': 'package main\n',
    'cmd/b/main.go': 'package main\n',
  },
  'go-sqlite': {
    'go.mod': 'module shop\n\nrequire github.com/mattn/go-sqlite3 v1.14.0\n',
    'main.go': 'package main\n',
    Procfile: 'web: shop -a\nrelease: shop migrate\n',
  },
  'go-library': { 'go.mod': 'module shop\n', 'shop.go': 'package shop\n' },
  'php-plain': { 'index.php': '', 'style.css': '', '.htaccess': '' },
  'php-public': { 'public/index.php': '', 'src/a.php': '' },
  'php-composer': {
    'composer.json': json({ require: { php: '^8.2', 'slim/slim': '^4', 'ext-intl': '*', 'ext-oci8': '*' } }),
    'composer.lock':
      '{"packages": [{"name": "a/b", "require": {"php": ">=8", "ext-gd": "*", "ext-dom": "*"}, "require-dev": {"ext-soap": "*"}}], "packages-dev": [{"require": {"ext-tidy": "*"}}]}',
    'public/index.php': '',
  },
  'php-no-lock': { 'composer.json': json({ require: { 'slim/slim': '^4' } }), 'index.php': '' },
  'php-vendor': {
    'composer.json': json({ require: { 'slim/slim': '^4' } }),
    'vendor/autoload.php': '',
    'public/index.php': '',
  },
  'php-laravel': {
    artisan: '',
    'composer.json': json({ require: { php: '^8.2', 'laravel/framework': '^12.0', 'laravel/tinker': '^2.10' } }),
    'composer.lock': '{}',
    'public/index.php': '',
    'vite.config.js': '',
    'package.json': json({
      private: true,
      scripts: { build: 'vite build', dev: 'vite' },
      devDependencies: { vite: '^7', 'laravel-vite-plugin': '^2', tailwindcss: '^4' },
    }),
  },
  'php-symfony': {
    'composer.json': json({
      require: { php: '>=8.2', 'ext-ctype': '*', 'ext-iconv': '*', 'symfony/framework-bundle': '7.3.*' },
    }),
    'composer.lock': '{}',
    'bin/console': '',
    'public/index.php': '',
  },
  'php-too-old': { 'composer.json': json({ require: { php: '^5.6 || ^7.0' } }), 'index.php': '' },
  'ruby-sinatra': {
    Gemfile: "source 'https://rubygems.org'\ngem 'sinatra'\ngem 'puma'\n",
    'Gemfile.lock': 'GEM\n  specs:\n    puma (6.6.0)\n    sinatra (4.1.1)\n',
    'config.ru': '',
    'app.rb': '',
  },
  'ruby-sinatra-classic': { Gemfile: "gem 'sinatra'\ngem 'rackup'\ngem 'puma'\n", 'app.rb': '' },
  'ruby-rails': {
    Gemfile: 'gem "rails", "~> 8.0.2"\ngem "propshaft"\ngem "sqlite3", ">= 2.1"\ngem "puma", ">= 5.0"\n',
    'Gemfile.lock': '    rails (8.0.2)\n    propshaft (1.1.0)\n    puma (6.6.0)\n    sqlite3 (2.7.0)\n',
    '.ruby-version': 'ruby-3.4.4\n',
    'config.ru': '',
    'config/application.rb': '',
    'config/puma.rb': 'threads 3, 3\nport ENV.fetch("PORT", 3000)\n',
    'bin/rails': '',
  },
  'ruby-rails-esbuild': {
    Gemfile: 'ruby "~> 3.3.0"\ngem "rails"\ngem "sprockets-rails"\ngem "pg"\n',
    'Gemfile.lock': '',
    'config/application.rb': '',
    'yarn.lock': '',
    'package.json': json({ scripts: { build: 'esbuild app/javascript/*.*' }, dependencies: { esbuild: '^0.25' } }),
    Procfile: 'web: bundle exec rails server -b 0.0.0.0\nrelease: bundle exec rails db:migrate\n',
  },
  'ruby-other-version': { Gemfile: 'ruby "3.4.1"\ngem "sinatra"\n', 'config.ru': '' },
  'ruby-exact': {
    Gemfile: 'ruby "3.3.5"\ngem "puma"\n',
    'Gemfile.lock': '    puma (6.6.0)\n',
    'config.ru': '',
  },
  'ruby-nothing-to-start': { Gemfile: 'gem "nokogiri"\n' },
  'rust-root': {
    'Cargo.toml': '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\naxum = "0.8"\n',
    'Cargo.lock': '[[package]]\nname = "axum"\n',
    'src/main.rs': '',
    'templates/a.html': '',
  },
  'rust-rocket': {
    'Cargo.toml': '[package]\nname = "shop"\n\n[dependencies]\nrocket = "0.5"\ndiesel = "2"\n',
    'Cargo.lock': '[[package]]\nname = "pq-sys"\n',
    'src/main.rs': '',
  },
  'rust-workspace': {
    'Cargo.toml': '[workspace]\nmembers = ["crates/*"]\n',
    'Cargo.lock': '',
    'crates/server/Cargo.toml': '[package]\nname = "server"\n',
    'crates/server/src/main.rs': '',
    'crates/core/Cargo.toml': '[package]\nname = "core"\n',
    'crates/core/src/lib.rs': '',
    'crates/tools/Cargo.toml': '[package]\nname = "tools"\n[[bin]]\nname = "migrate"\npath = "src/migrate.rs"\n',
  },
  'rust-several-unclear': {
    'Cargo.toml': '[package]\nname = "shop"\n',
    'src/bin/a.rs': '',
    'src/bin/b/main.rs': '',
  },
  'rust-nightly': {
    'Cargo.toml': '[package]\nname = "shop"\n',
    'src/main.rs': '',
    'rust-toolchain.toml': '[toolchain]\nchannel = "nightly-2026-01-01"\n',
  },
  'rust-library': { 'Cargo.toml': '[package]\nname = "shop"\n', 'src/lib.rs': '' },
  'java-spring-maven': {
    'pom.xml': '<project><properties><java.version>17</java.version></properties></project>',
    mvnw: '',
    '.mvn/wrapper/maven-wrapper.properties': '',
    'src/main/java/com/example/demo/DemoApplication.java': '',
  },
  'java-spring-gradle': {
    'build.gradle.kts': 'java { toolchain { languageVersion = JavaLanguageVersion.of(25) } }',
    'settings.gradle.kts': '',
    gradlew: '',
    'gradle/wrapper/gradle-wrapper.jar': '',
  },
  'java-gradle-plain': {
    'build.gradle': "sourceCompatibility = '11'",
    Procfile: 'web: java -jar build/libs/shop.jar\n',
  },
  'java-too-new': { 'pom.xml': '<maven.compiler.release>27</maven.compiler.release>' },
  'dockerfile-first': { Dockerfile: 'FROM debian:trixie\n', 'package.json': '{}', 'server.js': '' },
  'dockerfile-below': {
    'lading.yaml': 'build:\n  context: web\n  target: live\n  args: { RELEASE: trixie, DEBUG: false }\n',
    'web/Dockerfile': 'ARG RELEASE=bookworm\nFROM debian:$RELEASE AS live\n',
    'api/Dockerfile': '',
  },
  'refused-context': {
    'lading.yaml': 'build: { context: web, dockerfile: Dockerfile }\n',
    Dockerfile: 'FROM scratch\n',
  },
  'refused-compose': { 'docker-compose.yml': '', 'README.md': '' },
  'refused-elixir': { 'mix.exs': '' },
  'refused-monorepo': { 'api/Dockerfile': '', 'web/Dockerfile': '', 'compose.yaml': '' },
  'refused-below': { 'server/package.json': '', 'client/package.json': '', 'README.md': '' },
  'refused-below-one': { 'app/package.json': '', 'app/src/index.js': '', 'README.md': '' },
  'refused-root': { 'lading.yaml': 'root: sever\n', 'server/package.json': '{}' },
  'root-of-a-mern': {
    'lading.yaml': 'root: { shop: server, shop-web: client }\n',
    'client/package.json': json({ scripts: { build: 'vite build' }, devDependencies: { vite: '8' } }),
    'server/package-lock.json': '',
    'server/Procfile': 'web: node index.js\n',
    'server/index.js': '',
    'server/package.json': json({ dependencies: { express: '5' } }),
  },
  'refused-empty': { 'README.md': '' },
  'refused-wish': { 'index.html': '', 'lading.yaml': 'stack: python\n' },
}
