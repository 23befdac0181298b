#!/bin/bash
# Pid 1 of a rig host: builds the host's root from the shared base, moves into it and reaps.
# boot.sh HOST_DIRECTORY BASE CHECKOUT NAME RESOLV_CONF
set -eu
dir=$1 base=$2 checkout=$3 name=$4 resolv=$5
root=$dir/root disk=$dir/disk

mount -t overlay overlay -o "lowerdir=$base,upperdir=$disk/upper,workdir=$disk/work" "$root"
mkdir -p "$root"/{var/lib/docker,var/lib/containerd,opt/lading,proc,sys,dev,run,tmp,.machine}
# overlay2 does not work on an overlay: the engine's folders are plain ones.
mount --bind "$disk/docker" "$root/var/lib/docker"
mount --bind "$disk/containerd" "$root/var/lib/containerd"
# The checkout as the user's clone: writes stay in the host.
mount -t overlay overlay -o "lowerdir=$checkout,upperdir=$disk/checkout,workdir=$disk/checkout-work" "$root/opt/lading"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup" 2>/dev/null || true
if [ "$(cat /proc/self/cgroup)" = 0::/ ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  # Version 2 hands controllers down only where no process lives in the inner node.
  mkdir -p "$root/sys/fs/cgroup/init"
  echo $$ >"$root/sys/fs/cgroup/init/cgroup.procs"
  for controller in $(cat "$root/sys/fs/cgroup/cgroup.controllers"); do
    echo "+$controller" >"$root/sys/fs/cgroup/cgroup.subtree_control"
  done
else
  while IFS=: read -r _ controllers _; do
    case $controllers in
    '') continue ;;
    name=*) options=none,$controllers folder=${controllers#name=} ;;
    *) options=$controllers folder=$controllers ;;
    esac
    mkdir -p "$root/sys/fs/cgroup/$folder"
    mount -t cgroup -o "$options" cgroup "$root/sys/fs/cgroup/$folder"
  done </proc/self/cgroup
fi
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lock"

hostname "$name"
rm -rf "$root/tmp" && mkdir -m 1777 "$root/tmp"
rm -f "$root/etc/resolv.conf" && cp "$resolv" "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$name" >"$root/etc/hosts"
echo "$name" >"$root/etc/hostname"

# chroot would look the same until `docker exec`, whose process would land in the machine's own root.
cd "$root"
pivot_root . .machine
umount -l /.machine
rmdir /.machine
[ ! -x /etc/rc.local ] || setsid /etc/rc.local >/var/log/rc.local.log 2>&1 </dev/null &
# It must reap: a killed containerd that stays a zombie keeps dockerd from ever starting again. It says that it has
# booted after exec, during which its environment, by which it is known, cannot be read.
exec perl -e 'open(my $booted, ">", "/run/rig-booted"); close($booted); while (1) { wait() == -1 and select(undef, undef, undef, 0.5) }'
