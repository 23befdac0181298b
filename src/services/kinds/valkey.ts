import { MiB } from '../../lib/format.ts'
import type { Kind } from '../kind.ts'

const folder = '/var/lib/valkey'
/** Of data; above it writes are refused, and nothing is thrown away. A rewrite of the log may need as much again. */
const dataBytes = 160 * MiB
const connections = 5000

/** Commands of the superuser, who gets in by the container's own socket; the first error is the exit code. */
const cli = (...args: string[]) => ['sh', '/opt/lading-valkey/cli', ...args] as const

/**
 * Valkey as Debian has it. Each write is on the disk before it is acknowledged (`appendfsync always`): the writes of one
 * turn of its loop share one fsync. Source: valkey.conf of 8.1, topics "persistence" and "acl" of its docs.
 */
export const valkey: Kind = {
  name: 'valkey',
  title: 'Valkey 8',
  variable: 'REDIS_URL',
  port: 6379,
  folder,
  memory: 384 * MiB,
  stopSeconds: 30,
  limits: { bytes: dataBytes, connections },
  image: {
    dockerfile: base => `FROM ${base}
RUN export DEBIAN_FRONTEND=noninteractive \\
 && printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \\
 && apt-get update \\
 && apt-get install -y --no-install-recommends valkey-server \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb ${folder} \\
 && install -d -o valkey -g valkey -m 0700 ${folder}
COPY start cli users dump proof restore usage valkey.conf /opt/lading-valkey/
USER valkey
CMD ["sh", "/opt/lading-valkey/start"]
`,
    files: {
      'valkey.conf': `bind * -::*
port 6379
# Who has no pair of credentials does not get in: the user "default" is off.
protected-mode no
unixsocket /tmp/valkey.sock
unixsocketperm 700
dir ${folder}
aclfile ${folder}/users.acl
appendonly yes
appendfsync always
save ""
maxmemory ${dataBytes}
maxmemory-policy noeviction
maxmemory-clients 20%
maxclients ${connections}
repl-diskless-sync-delay 0
# For a restore (DEBUG RELOAD); of the users of apps none may say DEBUG.
enable-debug-command local
`,
      start: `#!/bin/sh
set -eu
umask 077
cd ${folder}
# The lock is the process's own and goes with its last child: two containers never write into one volume.
exec 9>lock
flock --timeout 20 9 || { echo 'another process has these data' >&2; exit 70; }
rm -f restore.* dump.rdb temp-*
# The superuser's password is of this start alone, and in this container's memory alone.
head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \\n' > /tmp/password
hash=$(sha256sum /tmp/password | cut -d ' ' -f 1)
{
  echo 'user default off resetpass resetkeys resetchannels -@all'
  echo "user lading on #$hash ~* &* +@all"
  if [ -e users.acl ]; then grep '^user a_' users.acl || test $? = 1; fi
} > users.acl.new
sync users.acl.new
mv users.acl.new users.acl
exec valkey-server /opt/lading-valkey/valkey.conf
`,
      cli: `#!/bin/sh
set -eu
export REDISCLI_AUTH="$(cat /tmp/password)"
exec valkey-cli -e -s /tmp/valkey.sock --user lading --no-auth-warning "$@"
`,
      users: `#!/bin/sh
# Reading its commands, the client ends well whatever is answered.
set -eu
said=$(sh /opt/lading-valkey/cli)
if echo "$said" | grep -v '^\\(OK\\|[01]\\)$' >&2; then exit 1; fi
`,
      dump: `#!/bin/sh
# What it says of its progress is no error.
said=$(mktemp)
sh /opt/lading-valkey/cli --rdb - 2>"$said" || { cat "$said" >&2; rm "$said"; exit 1; }
rm "$said"
`,
      proof: `#!/bin/sh
set -eu
umask 077
cd ${folder}
trap 'rm -f "restore.$$"' EXIT
cat > "restore.$$"
valkey-check-rdb "restore.$$"
`,
      restore: `#!/bin/sh
set -eu
umask 077
cd ${folder}
cli() { sh /opt/lading-valkey/cli "$@"; }
trap 'rm -f "restore.$$"' EXIT
cat > "restore.$$"
valkey-check-rdb "restore.$$"
mv "restore.$$" dump.rdb
# Killed before its end, the next start reads the log as it was before: no one is attached yet, and it is done again.
cli config set appendonly no
cli debug reload nosave
cli config set appendonly yes
while cli info persistence | grep -q '^aof_rewrite_\\(in_progress\\|scheduled\\):1'; do sleep 0.2; done
cli info persistence | grep -q '^aof_last_bgrewrite_status:ok'
rm -f dump.rdb
`,
      usage: `#!/bin/sh
set -eu
said=$(sh /opt/lading-valkey/cli info)
number() { echo "$said" | tr -d '\\r' | sed -n "s/^$1://p"; }
# This program is one of those that are connected.
echo "$(number used_memory) $(($(number connected_clients) - 1))"
`,
    },
  },
  ready: cli('ping'),
  prepare: { command: cli('ping'), input: '' },
  // Of what endangers the server or opens others' secrets nothing; of the rest everything, as libraries expect it.
  grant: ({ user, password }) => ({
    command: ['sh', '/opt/lading-valkey/users'],
    input: `acl setuser ${user} reset on >${password.reveal()} ~* &* +@all -@admin -migrate +client|list +client|kill
acl save
`,
  }),
  revoke: user => ({ command: ['sh', '/opt/lading-valkey/users'], input: `acl deluser ${user}\nacl save\n` }),
  url: (host, { user, password }) => `redis://${user}:${password.reveal()}@${host}:6379`,
  dump: ['sh', '/opt/lading-valkey/dump'],
  proof: ['sh', '/opt/lading-valkey/proof'],
  empty: { command: cli('flushall', 'sync'), input: '' },
  restore: ['sh', '/opt/lading-valkey/restore'],
  usage: ['sh', '/opt/lading-valkey/usage'],
}
