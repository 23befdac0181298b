import { MiB } from '../../lib/format.ts'
import type { Kind } from '../kind.ts'

const folder = '/var/lib/mysql'
/** The one database. */
const database = 'app'
const connections = 100

/** SQL as the superuser, who gets in by the container's own socket alone. The first failure ends it. */
const sql = ['mariadb', '--defaults-file=/opt/lading-mariadb/my.cnf', '--batch', '--skip-column-names'] as const

/**
 * Whoever made a view, a trigger or a routine is its definer, without whom it does not run: those stay, locked, with
 * a right to the data. Source: MariaDB docs, "CREATE VIEW" and "ALTER USER … ACCOUNT LOCK".
 */
const definers = `select definer from information_schema.views where table_schema = '${database}'
  union select definer from information_schema.triggers where trigger_schema = '${database}'
  union select definer from information_schema.routines where routine_schema = '${database}'
  union select definer from information_schema.events where event_schema = '${database}'`

/** MariaDB as Debian has it. */
export const mariadb: Kind = {
  name: 'mariadb',
  title: 'MariaDB 11.8',
  variable: 'DATABASE_URL',
  port: 3306,
  folder,
  memory: 512 * MiB,
  stopSeconds: 60,
  limits: { bytes: null, connections },
  image: {
    dockerfile: base => `FROM ${base}
RUN export DEBIAN_FRONTEND=noninteractive \\
 && apt-get update \\
 && apt-get install -y --no-install-recommends mariadb-server-core mariadb-client-core mariadb-client \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb ${folder} \\
 && groupadd --system mysql && useradd --system --gid mysql --home-dir ${folder} mysql \\
 && install -d -o mysql -g mysql -m 0700 ${folder}
COPY start my.cnf proof restore definers.sql /opt/lading-mariadb/
USER mysql
CMD ["sh", "/opt/lading-mariadb/start"]
`,
    files: {
      'my.cnf': `[mariadbd]
datadir=${folder}/data
tmpdir=${folder}/tmp
socket=/tmp/mariadb.sock
pid-file=/tmp/mariadb.pid
bind-address=*
skip-name-resolve
local-infile=0
max-connections=${connections}
# The newest collations are unknown to many clients (mysql2 of npm among them).
character-set-server=utf8mb4
collation-server=utf8mb4_unicode_ci
character-set-collations=utf8mb4=utf8mb4_unicode_ci
innodb-flush-log-at-trx-commit=1
# Tables of other engines lose acknowledged rows, and are not in a dump of one moment.
enforce-storage-engine=InnoDB
[client]
socket=/tmp/mariadb.sock
user=mysql
[mariadb-dump]
default-character-set=utf8mb4
`,
      start: `#!/bin/sh
set -eu
umask 077
cd ${folder}
# The lock is the process's own and goes with its last child: two containers never write into one volume.
exec 9>lock
flock --timeout 50 9 || { echo 'another process has these data' >&2; exit 70; }
rm -rf data.new tmp
mkdir tmp
if [ ! -e data ]; then
  mariadb-install-db --no-defaults --datadir=${folder}/data.new --tmpdir=${folder}/tmp --skip-name-resolve \\
    --skip-test-db --auth-root-authentication-method=socket --auth-root-socket-user=mysql
  mv data.new data
  sync .
fi
exec mariadbd --defaults-file=/opt/lading-mariadb/my.cnf
`,
      proof: `#!/bin/sh
# Its last line says so.
tail -n 1 | grep -q '^-- Dump completed'
`,
      restore: `#!/bin/sh
set -eu
sql() { mariadb --defaults-file=/opt/lading-mariadb/my.cnf --batch ${database}; }
sql
sql < /opt/lading-mariadb/definers.sql
`,
      // Those of the service that the dump is of, which no one here is.
      'definers.sql': `delimiter //
for one in (${definers}) do
  if one.definer regexp '^a_[0-9a-f]+@%$' then
    execute immediate concat('create user if not exists ', replace(one.definer, '@%', ''), '@''%'' account lock');
    execute immediate concat('grant all on ${database}.* to ', replace(one.definer, '@%', ''), '@''%''');
  end if;
end for //
`,
    },
  },
  ready: ['mariadb-admin', '--defaults-file=/opt/lading-mariadb/my.cnf', '--silent', 'ping'],
  prepare: { command: sql, input: `create database if not exists ${database};\n` },
  grant: ({ user, password }) => ({
    command: sql,
    input: `create user if not exists ${user}@'%' identified by '${password.reveal()}';
alter user ${user}@'%' identified by '${password.reveal()}' account unlock;
grant all on ${database}.* to ${user}@'%';
`,
  }),
  revoke: user => ({
    command: sql,
    input: `delimiter //
begin not atomic
  alter user if exists ${user}@'%' account lock;
  if exists (select 1 from information_schema.processlist where user = '${user}') then kill user ${user}; end if;
  if '${user}@%' not in (${definers}) then drop user if exists ${user}@'%'; end if;
end //
`,
  }),
  url: (host, { user, password }) => `mysql://${user}:${password.reveal()}@${host}:3306/${database}`,
  dump: [
    'mariadb-dump',
    '--defaults-file=/opt/lading-mariadb/my.cnf',
    '--single-transaction',
    '--quick',
    '--routines',
    '--triggers',
    '--events',
    '--hex-blob',
    database,
  ],
  proof: ['sh', '/opt/lading-mariadb/proof'],
  empty: {
    command: sql,
    input: `drop database if exists ${database};\ncreate database ${database};\n`,
  },
  restore: ['sh', '/opt/lading-mariadb/restore'],
  usage: [
    ...sql,
    `--execute=select coalesce(sum(data_length + index_length), 0), (select count(*) from information_schema.processlist where user like 'a\\_%') from information_schema.tables where table_schema = '${database}'`,
  ],
}
