#!/bin/sh
# Runs when the packages of the guest are installed; $1 is its root.
set -eu
root=$1

echo vmtest >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 vmtest\n' >"$root/etc/hosts"
echo '/dev/vda / ext4 defaults 0 0' >"$root/etc/fstab"

# Without a machine id systemd takes each boot for the first one and presets
# all units anew; without the stamps it rebuilds caches at each boot.
echo 6e73626c616d6500766d746573740000 >"$root/etc/machine-id"
touch "$root/etc/.updated" "$root/var/.updated"
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"

# The subsystems whose share in a creation nsblame reports.
printf 'nf_conntrack\nip_vs\n' >"$root/etc/modules-load.d/vmtest.conf"

chroot "$root" useradd --create-home --shell /bin/bash --uid 1000 alice

# No namespace may come from elsewhere than the scenario. e2scrub_reap is a
# unit with PrivateNetwork= that runs at boot; gettys would write to the ports.
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
	e2scrub_reap.service fstrim.timer man-db.timer logrotate.timer \
	dpkg-db-backup.timer systemd-tmpfiles-clean.timer getty@tty1.service \
	serial-getty@ttyS0.service serial-getty@ttyS1.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# Installing dbus-broker enables it; Debian's default is dbus-daemon.
chroot "$root" systemctl disable dbus-broker.service
chroot "$root" systemctl --global disable dbus-broker.service

# The agent comes with each run, as a tar archive on the second disk, and with
# it what this boot needs to be done before systemd starts. The kernel's command
# line can name another init; what the kernel does not know itself it puts into
# the environment.
mkdir -p "$root/opt/vmtest"
cat >"$root/opt/vmtest/init" <<'INIT'
#!/bin/sh
set -eu
tar -C /opt/vmtest -xf /dev/vdb
sh -eu /opt/vmtest/prepare
exec ${VMTEST_INIT:-/sbin/init}
INIT
chmod 755 "$root/opt/vmtest/init"
cat >"$root/etc/systemd/system/vmtest.service" <<'UNIT'
[Unit]
Description=Agent of nsblame's VM harness

[Service]
ExecStart=/opt/vmtest/agent
StandardError=journal+console
TasksMax=infinity

[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl enable vmtest.service

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/locale
