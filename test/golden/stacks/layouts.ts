const json = (value: unknown): string => JSON.stringify(value)

/** Repositories as people start them: every path, with as much text as decides. */
export const layouts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'static-root': { 'index.html': '', 'style.css': '', '404.html': '', _redirects: '' },
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
  'node-vite-with-server': {
    'package-lock.json': '',
    'server.js': '',
    'package.json': json({ scripts: { start: 'node server.js', build: 'vite build' }, devDependencies: { vite: '8' } }),
  },
  'dockerfile-first': { Dockerfile: 'FROM debian:trixie\n', 'package.json': '{}', 'server.js': '' },
  'refused-monorepo': { 'api/Dockerfile': '', 'web/Dockerfile': '', 'compose.yaml': '' },
  'refused-below': { 'server/package.json': '', 'client/package.json': '', 'README.md': '' },
  'refused-rust': { 'Cargo.toml': '', 'src/main.rs': '' },
  'refused-empty': { 'README.md': '' },
}