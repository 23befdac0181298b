import { apt, aptMounts, cached } from '../generated.ts'

/** Of Debian, for packages that never come built: to run, and to build. */
export function systemPackages(text: string): readonly [run: readonly string[], build: readonly string[]] {
  const run: string[] = []
  const build: string[] = []
  if (/\bpsycopg(?:2|\b)(?!-binary)/.test(text)) {
    run.push('libpq5')
    build.push('libpq-dev')
  }
  if (/\bmysqlclient\b/.test(text)) {
    run.push('libmariadb3')
    build.push('libmariadb-dev')
  }
  if (/\bgit\+/.test(text) || /\bgit\s*=/.test(text)) build.push('git')
  return [run, build]
}

/** What packages that bind to a library of the system look for when they are compiled. */
const headers = [
  'libpq-dev',
  'libmariadb-dev',
  'libffi-dev',
  'libssl-dev',
  'libxml2-dev',
  'libxslt1-dev',
  'libjpeg-dev',
  'zlib1g-dev',
  'libfreetype-dev',
  'libldap-dev',
  'libsasl2-dev',
  'libcurl4-openssl-dev',
  'libyaml-dev',
]

/** Names of packages, a line each; empty where nothing was compiled. */
const libraries = '/libraries'

/** Has to be there before `withLibraries` of a later stage. */
export const noLibraries = `touch ${libraries}`

/**
 * Most packages come built; for one that does not (an old release, for a newer Python), compilers and headers are brought,
 * it is tried once more, and the libraries that what was compiled is linked to are written down.
 */
export function withCompilers(command: string, env = ''): string {
  const compilers = apt(['build-essential', 'python3-dev', 'pkg-config', ...headers])
  return `RUN ${cached('/root/.cache')} ${aptMounts} ${env}${command} || { echo 'Trying again with compilers' && ${compilers} && ${alias} ${env}${command} && { ${linked}; }; }`
}

/** Of psycopg2 before 2.9.10: a name that Python's headers had until 3.13 for the one that they have. */
const alias = 'CFLAGS=-D_PyInterpreterState_Get=PyInterpreterState_Get'

/** What wheels bring with them lies in the venv, and is no package of Debian's. */
const linked = [
  `find /opt/venv -type f \\( -name '*.so*' -o -path '*/bin/*' \\) -exec ldd {} + 2>/dev/null`,
  `sed -n 's|.* => \\(/[^ ]*\\).*|\\1|p'`,
  'sort -u',
  'xargs -r realpath',
  'xargs -r dpkg-query --search 2>/dev/null',
  'cut -d: -f1',
  `sort -u >${libraries}`,
].join(' | ')

/** What the stage `build` compiled is linked to, for the image that runs. */
export const withLibraries = `RUN --mount=type=bind,from=build,source=${libraries},target=/mnt/libraries ${aptMounts} if [ -s /mnt/libraries ]; then ${apt(['--no-upgrade', '$(cat /mnt/libraries)'])}; fi`

/** Modules that Python had once, each with the last package that has it. */
const gone = ['pkg_resources=setuptools==80.10.2', 'distutils=setuptools==80.10.2', 'cgi=legacy-cgi==2.6.4']

/** The packages that have what they import themselves. */
const havers = ['setuptools', 'pkg_resources', '_distutils_hack'].map(name => `--exclude-dir=${name}`).join(' ')

/**
 * Old releases (gunicorn before 21, Django before 4.2) import what came with Python once, and do not say that they need it.
 * Only a line at the left edge counts: what is imported inside of something is tried.
 */
export const withGoneModules = [
  `set -e; for one in ${gone.join(' ')}; do module="\${one%%=*}"; from="\${one#*=}"`,
  `if grep -rqsE --include='*.py' ${havers} "^(from |import (.*, *)?)$module(\$|[^a-zA-Z0-9_])" /opt/venv/lib && ! /opt/venv/bin/python -c "import $module" 2>/dev/null`,
  'then echo "Adding $from: a dependency imports $module, which Python has no more"',
  'pip --python /opt/venv install --quiet "$from"',
  'fi',
  'done',
].join('; ')
