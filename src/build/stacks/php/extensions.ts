import { version } from './composer.ts'

/** Of Debian, always there: what frameworks take for granted, and what talks to databases. */
const always = ['curl', 'mbstring', 'mysql', 'opcache', 'pgsql', 'sqlite3', 'xml', 'zip']

/** Extensions that come within another package, by their names in composer.json. */
const within: Readonly<Record<string, string>> = {
  dom: 'xml',
  simplexml: 'xml',
  xmlreader: 'xml',
  xmlwriter: 'xml',
  xsl: 'xml',
  mysqli: 'mysql',
  mysqlnd: 'mysql',
  pdo_mysql: 'mysql',
  pdo_pgsql: 'pgsql',
  pdo_sqlite: 'sqlite3',
  'zend-opcache': 'opcache',
}

/** Part of PHP as Debian builds it. */
const builtIn = new Set(
  'calendar ctype date exif ffi fileinfo filter ftp gettext hash iconv json libxml openssl pcntl pcre pdo phar posix random readline reflection session shmop sockets sodium spl standard sysvmsg sysvsem sysvshm tokenizer zlib'.split(
    ' ',
  ),
)

const ofPhp = new Set('bcmath bz2 dba enchant gd gmp intl ldap odbc snmp soap tidy'.split(' '))
/** Packages that are not named after a version of PHP. */
const others = new Set(
  'amqp apcu igbinary imagick imap mailparse memcached mongodb msgpack redis ssh2 uuid yaml'.split(' '),
)

/** Debian's packages for extensions, and those that it has none for. */
export function packagesFor(extensions: readonly string[]): {
  readonly packages: readonly string[]
  readonly missing: readonly string[]
} {
  const wanted = extensions.map(name => within[name] ?? name).filter(name => !builtIn.has(name))
  const known = wanted.filter(name => always.includes(name) || ofPhp.has(name) || others.has(name))
  const names = [...new Set([...always, ...known])].sort()
  return {
    packages: names.map(name => (others.has(name) ? `php-${name}` : `php${version}-${name}`)),
    missing: wanted.filter(name => !known.includes(name)),
  }
}
