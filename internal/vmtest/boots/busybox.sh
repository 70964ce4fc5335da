# busybox is the init: it mounts what the initrd has not, and starts the agent in
# a cgroup of its own, beside a system bus that knows no systemd.
cat >/etc/inittab <<'INITTAB'
::sysinit:/opt/vmtest/rcS
::once:/opt/vmtest/start
INITTAB

cat >/opt/vmtest/rcS <<'RCS'
#!/bin/sh
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
modprobe -a nf_conntrack ip_vs
ip link set lo up
mkdir -p /run/dbus
dbus-daemon --system --fork
RCS

cat >/opt/vmtest/start <<'START'
#!/bin/sh
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /sys/fs/cgroup/services/vmtest
echo $$ >/sys/fs/cgroup/services/vmtest/cgroup.procs
exec /opt/vmtest/agent >/dev/console 2>&1
START
chmod 755 /opt/vmtest/rcS /opt/vmtest/start

# It knows by its name what it is to be.
mkdir -p /opt/vmtest/busybox
ln -sf /bin/busybox /opt/vmtest/busybox/init
