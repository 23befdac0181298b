import type { ImageReference } from '../../../core/names.ts'
import { addUser, apt, aptMounts } from '../generated.ts'
import { version } from './composer.ts'

/**
 * The stage `php`: Debian's Apache with PHP in it, one program that starts its own workers, without root. Apache, because
 * what people have beside their code is `.htaccess`.
 */
export function phpStage(base: ImageReference, extensions: readonly string[]): readonly string[] {
  const packages = ['apache2', `libapache2-mod-php${version}`, `php${version}-cli`, ...extensions]
  return [
    `FROM ${base} AS php`,
    `RUN ${aptMounts} ${apt(packages)} && ${addUser} && ln -s heroku-php-apache2 /usr/local/bin/heroku-php-nginx`,
    `COPY <<'EOF' /etc/lading-php/apache.conf`,
    configuration,
    'EOF',
    `COPY --chmod=755 <<'EOF' /usr/local/bin/serve-php`,
    program,
    'EOF',
    `COPY --chmod=755 <<'EOF' /usr/local/bin/heroku-php-apache2`,
    asOnHeroku,
    'EOF',
    'WORKDIR /app',
    'USER app',
    // At SIGTERM Apache would drop what it still answers.
    'STOPSIGNAL SIGWINCH',
  ]
}

export function startServer(folder: string): readonly string[] {
  return ['serve-php', folder === '' ? '/app' : `/app/${folder}`]
}

const program = `#!/bin/sh
# serve-php FOLDER: its pages at $PORT. PHP_WORKERS answer at once; each may take PHP_MEMORY_LIMIT.
set -eu
export PORT="\${PORT:-8080}" PHP_ROOT="$1" PHP_WORKERS="\${PHP_WORKERS:-8}" PHP_MEMORY_LIMIT="\${PHP_MEMORY_LIMIT:-128M}"
mkdir -p /tmp/php
exec apache2 -f /etc/lading-php/apache.conf -D FOREGROUND`

const asOnHeroku = `#!/bin/sh
# heroku-php-apache2 [options] [FOLDER], as Procfiles written for Heroku start PHP. What options name is left aside.
set -eu
root=.
while [ $# -gt 0 ]; do
  case "$1" in
    -[CcFfilp]) echo "\${0##*/}: $1 \${2:-} is left aside: Apache with .htaccess serves here" >&2; shift ;;
    -*) ;;
    *) root="$1" ;;
  esac
  [ $# -eq 0 ] || shift
done
exec serve-php "$(cd "$root" && pwd)"`

const modules = 'authz_core dir mime rewrite headers deflate filter alias env setenvif remoteip expires'

const configuration = `ServerName localhost
ServerTokens Prod
ServerSignature Off
TraceEnable Off
PidFile /tmp/php/apache.pid
DefaultRuntimeDir /tmp/php
Listen \${PORT}
ErrorLog /dev/stderr
LogLevel warn
LogFormat "%m" none

LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
${modules
  .split(' ')
  .map(name => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join('\n')}
LoadModule php_module /usr/lib/apache2/modules/libphp${version}.so
ServerLimit 256
StartServers 2
MinSpareServers 1
MaxSpareServers 4
MaxRequestWorkers \${PHP_WORKERS}
MaxConnectionsPerChild 2000
GracefulShutdownTimeout 0
# A connection that is kept holds a worker, of which there are few.
KeepAlive Off

TypesConfig /etc/mime.types
DocumentRoot \${PHP_ROOT}
DirectoryIndex index.php index.html
<Directory />
  AllowOverride None
  Require all denied
</Directory>
<Directory "\${PHP_ROOT}">
  Options FollowSymLinks
  AllowOverride All
  Require all granted
</Directory>
# Of the repository, not of the site.
RedirectMatch 404 "/[.](?!well-known/)"
RedirectMatch 404 "^/(vendor|node_modules)/.*[.]php$"
RedirectMatch 404 "^/(Procfile|lading[.]yaml|composer[.](json|lock)|package(-lock)?[.]json)$"
<FilesMatch "[.]php$">
  SetHandler application/x-httpd-php
</FilesMatch>
SetEnvIf X-Forwarded-Proto "^https$" HTTPS=on
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fd00::/8
AddOutputFilterByType DEFLATE text/html text/css text/plain text/xml application/javascript text/javascript application/json image/svg+xml

php_admin_value variables_order EGPCS
php_admin_value session.save_path /tmp/php
php_value memory_limit \${PHP_MEMORY_LIMIT}
php_value upload_max_filesize 64M
php_value post_max_size 64M
php_flag expose_php Off
php_flag display_errors Off
php_flag log_errors On`
