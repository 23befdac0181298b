import type { ImageReference } from '../../../core/names.ts'
import { addUser, apt, aptMounts } from '../generated.ts'
import { noRules, type SiteRules } from './rules.ts'

/**
 * How pages are asked for. `plain`: files as they lie there. `pages`: files a build made, some with a hash in their name.
 * `app`: such files too, and one page that answers every path (a single-page application).
 */
export type Kind = 'plain' | 'pages' | 'app'

/**
 * The lines that put the kept web server on the platform's base: Debian's nginx, without root, one process of 3 MB. It is
 * the same for every app, so that an app's code is a layer of its own.
 */
export function serverStage(base: ImageReference, stage: string, rules: SiteRules = noRules): readonly string[] {
  return [
    `FROM ${base}${stage === '' ? '' : ` AS ${stage}`}`,
    `RUN ${aptMounts} ${apt(['nginx'])} && ${addUser}`,
    `COPY <<'EOF' /etc/lading-static/nginx.conf`,
    configuration(rules),
    'EOF',
    `COPY --chmod=755 <<'EOF' /usr/local/bin/serve-static`,
    program,
    'EOF',
    'WORKDIR /app',
    'USER app',
    // At SIGTERM nginx would drop what it still sends.
    'STOPSIGNAL SIGQUIT',
  ]
}

/** nginx's ETag is made of time and size: so each file of /pages has a time that its content gives (1970 to 1978). */
export const timeByContent = `find /pages -type f -exec sh -c 'for file; do touch -d "@$((0x$(sha256sum "$file" | cut -c 1-7)))" "$file"; done' sh {} + && find /pages -type d -exec touch -d @0 {} +`

export function startServer(kind: Kind, folder: string): readonly string[] {
  return ['serve-static', kind, folder]
}

const program = `#!/bin/sh
# serve-static plain|pages|app FOLDER: the folder at $PORT.
set -eu
sed -e "s|@KIND@|$1|; s|@ROOT@|$2|; s|@PORT@|\${PORT:-8080}|" /etc/lading-static/nginx.conf >/tmp/nginx.conf
exec nginx -c /tmp/nginx.conf -e stderr`

/**
 * Files have times that are hashes of their content (or of the whole tree), so that nginx's ETag, time and size, is a new one for
 * new content. Kept for ever is only what has a hash in its name.
 */
const configuration = ({ http, server, fallback, cache }: SiteRules): string => `daemon off;
worker_processes 1;
pid /tmp/nginx.pid;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  charset utf-8;
  access_log off;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  absolute_redirect off;
  client_body_temp_path /tmp/nginx-body;
  proxy_temp_path /tmp/nginx-proxy;
  fastcgi_temp_path /tmp/nginx-fastcgi;
  uwsgi_temp_path /tmp/nginx-uwsgi;
  scgi_temp_path /tmp/nginx-scgi;

  gzip on;
  gzip_vary on;
  gzip_proxied any;
  gzip_min_length 512;
  gzip_types text/css text/plain text/xml application/javascript text/javascript application/json application/manifest+json
    application/xml application/rss+xml application/atom+xml application/wasm image/svg+xml font/ttf;

  map "@KIND@ $uri" $cache {
    default "no-cache";
    "~^(pages|app) /(_astro|_next/static|_app/immutable)/" "public, max-age=31536000, immutable";
    "~^(pages|app) /(assets|static)/(.*/)?[^/]*[.-](?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{8}[.](chunk[.])?[a-z0-9]+$" "public, max-age=31536000, immutable";
  }
  # A path that ends like a file is one: a script that is missing must not be answered by a page.
  map "@KIND@ $uri" $page {
    default "";
    "~^app .*/[^/.]*$" "/index.html";
  }
${indented('  ', http)}
  server {
    listen @PORT@;
    root @ROOT@;
    index index.html;
    error_page 404 /404.html;
    error_page 403 =404 /404.html;
    add_header cache-control ${cache} always;
    add_header x-content-type-options nosniff always;
${indented('    ', server)}    location / { try_files $uri $uri.html $uri/ @without; }
    location @without {
${indented('      ', fallback)}      try_files $page =404;
    }
    location = /404.html { internal; }
    # Of the repository, not of the site.
    location ~ "(^|/)[.](?!well-known/)" { return 404; }
    location ~ "^/(_redirects|_headers|Procfile|lading[.]yaml|package(-lock)?[.]json)$" { return 404; }
  }
}`

function indented(blanks: string, lines: readonly string[]): string {
  return lines.map(line => `${blanks}${line}\n`).join('')
}
