# Runs in a VM, as root, beside nsblame.deb and later.deb.
set -eux
fail() { echo "FAILED: $*" >&2; exit 1; }
until_true() { # waits for a condition, for ten minutes at most
	for _ in $(seq 600); do
		if eval "$1"; then return; fi
		sleep 1
	done
	fail "never: $1"
}
files() { find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log -o -path /var/lib/apt -o -path /var/cache -o -path /var/lib/dpkg -o -path /root \) -prune -o -print | sort; }
id nsblame && fail "the user is there already"
files >/tmp/before

apt-get install --yes ./nsblame.deb
command -v nsblame
nsblame version
systemctl is-enabled nsblame-record && fail "nobody asked for the service"
man --where nsblame || [ -e /usr/share/man/man1/nsblame.1.gz ]
systemctl enable --now nsblame-record
systemctl is-active nsblame-record
unshare --net true
systemctl stop nsblame-record
nsblame report /var/lib/nsblame/*.avro | tee /tmp/report
grep unshare /tmp/report
systemctl start nsblame-record
first=$(systemctl show -p MainPID --value nsblame-record)

# An upgrade keeps what was set, and goes on recording.
echo 'OPTIONS=--rotate-size 1M --rotate-files 3' >/etc/default/nsblame-record
apt-get install --yes ./later.deb
nsblame version | grep v999.0.0
grep -- '--rotate-size 1M' /etc/default/nsblame-record
until_true 'systemctl is-active --quiet nsblame-record'
second=$(systemctl show -p MainPID --value nsblame-record)
[ "$first" != "$second" ] || fail "the old version goes on"
tr '\0' ' ' <"/proc/$second/cmdline" | grep -- '--rotate-size 1M'

apt-get remove --yes nsblame
systemctl is-active nsblame-record && fail "it records though it is removed"
ls /var/lib/nsblame/*.avro
apt-get purge --yes nsblame
id nsblame && fail "the user stays"
files >/tmp/after
diff /tmp/before /tmp/after
