#!/bin/sh
# Tests packages in a root of Debian 13, which has rpm and a wine that is new enough:
# the rpm installs and goes without a trace, and nsblame for Windows reads a recording
# as that for Linux does.
#
# usage: chroot.sh DIR, with the packages in DIR; as root
set -eu
packages=$1
tmp=$(mktemp -d)
root=$tmp/root
clean() {
	umount "$root/proc" 2>/dev/null || true
	rm -rf --one-file-system "$tmp"
}
trap clean EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

mmdebstrap --quiet --variant=apt --include=rpm,systemd,wine trixie "$root"
mount -t proc proc "$root/proc"
cp "$packages"/*x86_64.rpm "$root/root/nsblame.rpm"
tar -xzf "$packages"/nsblame_*_windows_amd64.tar.gz -C "$root/root"
tar -xzf "$packages"/nsblame_*_linux_amd64.tar.gz -C "$root/root"
mv "$root"/root/nsblame_*_windows_amd64 "$root/root/windows"
mv "$root"/root/nsblame_*_linux_amd64 "$root/root/linux"
inside() { chroot "$root" env HOME=/root XDG_RUNTIME_DIR=/tmp WINEDEBUG=-all COLUMNS=80 "$@"; }
# What adding a user leaves behind in /etc is not the package's.
files() { inside find / -xdev \( -path /proc -o -path /root -o -path /tmp -o -path /var/lib/rpm -o -path /root/.rpmdb -o -path "/etc/*shadow-" \) -prune -o -print | sort; }

# Debian's packages don't provide what an rpm may need, so that is read, not asked for.
inside rpm --query --package --requires /root/nsblame.rpm | grep -v '^rpmlib(\|^/bin/sh' | grep . && fail "the rpm needs more than a shell"
files >"$tmp/before"
inside rpm --install --noplugins --nodeps /root/nsblame.rpm
inside rpm --verify --nodeps nsblame
inside nsblame version
inside nsblame report /root/linux/examples/hostnamectl.avro >"$tmp/rpm"
inside rpm --erase --noplugins nsblame
files >"$tmp/after"
diff "$tmp/before" "$tmp/after"
echo "packages: the rpm was installed, verified and erased"

for verb in report replay dump 'export --to ndjson --out /root/out'; do
	case $verb in
	export*)
		inside /root/linux/nsblame $verb /root/linux/examples/hostnamectl.avro
		mv "$root/root/out" "$root/root/out-linux"
		inside wine /root/windows/nsblame.exe $verb /root/linux/examples/hostnamectl.avro
		diff -r "$root/root/out" "$root/root/out-linux"
		continue
		;;
	esac
	inside /root/linux/nsblame $verb /root/linux/examples/hostnamectl.avro >"$tmp/linux"
	inside wine /root/windows/nsblame.exe $verb /root/linux/examples/hostnamectl.avro >"$tmp/windows"
	diff "$tmp/linux" "$tmp/windows"
done
code=0
inside wine /root/windows/nsblame.exe trace || code=$?
[ $code = 3 ] || fail "a live verb exits with $code on Windows"
echo "packages: nsblame for Windows reads what nsblame for Linux reads"
