import { MiB } from '../../lib/format.ts'
import type { Kind } from '../kind.ts'

/** The one database, and the role that owns it; pairs of credentials are members of that role and act as it. */
const database = 'app'

/** SQL as the superuser, who gets in by the container's own socket alone. The first failure ends it. */
const psql = (name: string) =>
  ['psql', '--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--dbname=${name}`, '--file=-'] as const
/** Statements with a password stand in no log. */
const silently = 'set log_min_error_statement = panic; set log_statement = none;'

/** PostgreSQL as Debian has it. Source: PostgreSQL 17 docs, chapters 18 to 21, and `pg_dump`. */
export const postgres: Kind = {
  name: 'postgres',
  title: 'PostgreSQL 17',
  variable: 'DATABASE_URL',
  port: 5432,
  folder: '/var/lib/postgresql',
  memory: 512 * MiB,
  stopSeconds: 60,
  image: {
    dockerfile: base => `FROM ${base}
COPY createcluster.conf /etc/postgresql-common/createcluster.conf
RUN export DEBIAN_FRONTEND=noninteractive \\
 && apt-get update \\
 && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold postgresql-17 \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/lib/postgresql \\
 && install -d -o postgres -g postgres -m 0700 /var/lib/postgresql
COPY start pg_hba.conf /opt/lading-postgres/
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin PGHOST=/tmp
USER postgres
# Of SIGTERM it waits until the last client has gone.
STOPSIGNAL SIGINT
CMD ["sh", "/opt/lading-postgres/start"]
`,
    files: {
      'createcluster.conf': 'create_main_cluster = false\n',
      'pg_hba.conf': `local all all peer\nhost ${database} all all scram-sha-256\n`,
      start: `#!/bin/sh
set -eu
umask 077
cd /var/lib/postgresql
# The lock is the process's own and goes with its last child: two containers never write into one volume.
exec 9>lock
flock --timeout 50 9 || { echo 'another process has these data' >&2; exit 70; }
rm -rf data.new
if [ ! -e data ]; then
  initdb --pgdata=data.new --username=postgres --auth=peer --encoding=UTF8 --data-checksums \\
    --locale=C.UTF-8 --locale-provider=builtin --builtin-locale=C.UTF-8
  mv data.new data
  sync .
fi
# No one else has the lock, so the process that it names is another container's.
rm -f data/postmaster.pid
# /dev/shm has 64 MiB in a container, and parallel queries ask for more.
exec postgres -D data -c listen_addresses='*' -c unix_socket_directories=/tmp \\
  -c hba_file=/opt/lading-postgres/pg_hba.conf -c dynamic_shared_memory_type=sysv
`,
    },
  },
  ready: ['pg_isready', '--quiet'],
  prepare: {
    command: psql('postgres'),
    input: `select 'create role ${database} nologin' where not exists (select from pg_roles where rolname = '${database}') \\gexec
select 'create database ${database} owner ${database}' where not exists (select from pg_database where datname = '${database}') \\gexec
`,
  },
  grant: ({ user, password }) => ({
    command: psql('postgres'),
    input: `${silently}
select 'create role ${user} login' where not exists (select from pg_roles where rolname = '${user}') \\gexec
alter role ${user} login password '${password.reveal()}';
grant ${database} to ${user};
alter role ${user} set role = '${database}';
`,
  }),
  revoke: user => ({
    command: psql(database),
    input: `select exists (select from pg_roles where rolname = '${user}') as there \\gset
\\if :there
alter role ${user} nologin;
select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where usename = '${user}';
reassign owned by ${user} to ${database};
drop owned by ${user};
drop role ${user};
\\endif
`,
  }),
  url: (host, { user, password }) => `postgres://${user}:${password.reveal()}@${host}:5432/${database}`,
  dump: ['pg_dump', '--format=custom', '--no-owner', '--no-privileges', `--dbname=${database}`],
  proof: ['pg_restore', '--file=/dev/null'],
  empty: {
    command: psql('postgres'),
    input: `drop database if exists ${database} with (force);\ncreate database ${database} owner ${database};\n`,
  },
  restore: [
    'pg_restore',
    `--dbname=${database}`,
    '--no-owner',
    '--no-privileges',
    `--role=${database}`,
    '--single-transaction',
    '--exit-on-error',
  ],
  size: [
    'psql',
    '--no-psqlrc',
    '--tuples-only',
    '--no-align',
    '--dbname=postgres',
    `--command=select pg_database_size('${database}')`,
  ],
}
