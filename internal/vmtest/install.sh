#!/bin/sh
# Installs what this machine lacks of the programs that nsblame's Makefile
# needs, on Debian 12 and its successors; elsewhere it says what to install.
# It does nothing where all is there.
#
# usage: install.sh vm|arm64|bpf|race|browser|terminal|prometheus...
#   vm     to build and boot VMs
#   arm64  to boot a kernel for arm64, beside what vm is for
#   bpf    to compile the kernel half
#   race   to build Go with the race detector, which takes cgo
#   browser  to look at pages of reports in the unit tests
#   terminal  to test nsblame top on a terminal
#   prometheus  to test alerts and the dashboard; its service is not started
set -eu

has() { command -v "$1" >/dev/null 2>&1; }

# QEMU older than 10 corrupts the memory of guests with several CPUs.
has_qemu() {
	has "qemu-system-$1" || return 1
	major=$("qemu-system-$1" --version | sed -n '1s/.*version \([0-9]*\)\..*/\1/p')
	[ "${major:-0}" -ge 10 ]
}

lacking() {
	for part; do
		case $part in
		vm)
			has_qemu x86_64 || echo qemu-system-x86
			has mmdebstrap || echo mmdebstrap
			PATH=$PATH:/usr/sbin:/sbin has mke2fs || echo e2fsprogs
			;;
		arm64) has_qemu aarch64 || echo qemu-system-arm ;;
		bpf)
			has clang-19 || echo clang-19
			has llvm-strip-19 || echo llvm-19
			[ -e /usr/include/bpf/bpf_core_read.h ] || echo libbpf-dev
			;;
		race)
			has gcc || echo gcc
			[ -e /usr/include/stdlib.h ] || echo libc6-dev
			;;
		browser) has chromium || has chromium-browser || has google-chrome || echo chromium ;;
		terminal)
			has tmux || echo tmux
			has ssh || echo openssh-client
			;;
		prometheus) has promtool && has prometheus || echo prometheus ;;
		node) has npm || echo nodejs npm ;;
		*)
			echo "install.sh: unknown part $part" >&2
			exit 2
			;;
		esac
	done
}

install() { apt-get install --yes --no-install-recommends "$@"; }

# Installs the packages of QEMU from the backports of this release. The backports are not added to the machine's sources: apt
# gets a copy of these with one line more.
install_qemu_from_backports() {
	. /etc/os-release
	backports=$VERSION_CODENAME-backports
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
		grep -v security | head -n 1)
	if [ -z "$mirror" ]; then
		echo "install.sh: apt knows no mirror of Debian; install qemu-system-x86 from $backports yourself" >&2
		exit 1
	fi
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	chmod 755 "$tmp" # apt fetches as a user of its own
	mkdir "$tmp/parts"
	cp -r /etc/apt/sources.list.d/. "$tmp/parts"
	cp -r /var/lib/apt/lists "$tmp/lists"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $backports main" \
		>"$tmp/parts/nsblame-backports.list"
	# Only QEMU and its firmware, not whatever else it needs, though newer
	# ones are there: libbpf-dev would no longer fit the libbpf1 installed.
	mkdir "$tmp/preferences"
	cp -r /etc/apt/preferences.d/. "$tmp/preferences"
	for source in qemu seabios; do
		printf 'Package: src:%s:any\nPin: release n=%s\nPin-Priority: 990\n\n' "$source" "$backports"
	done >"$tmp/preferences/nsblame-backports.pref"
	backports() {
		apt-get -o "Dir::Etc::SourceParts=$tmp/parts" -o "Dir::Etc::PreferencesParts=$tmp/preferences" \
			-o "Dir::State::Lists=$tmp/lists" "$@"
	}
	backports update
	backports install --yes --no-install-recommends "$@"
}

# Installs Prometheus without what it runs as: of its package only the two programs are
# taken. They are static but for the C library, and need no other package.
install_prometheus() {
	tmp=$(mktemp -d)
	chmod 755 "$tmp" # apt fetches as a user of its own
	(cd "$tmp" && apt-get download prometheus && dpkg-deb -x prometheus_*.deb tree)
	install_program "$tmp/tree/usr/bin/prometheus"
	install_program "$tmp/tree/usr/bin/promtool"
	rm -rf "$tmp"
}

# Puts a program where the machine's owner keeps what is of no package.
install_program() {
	command install -m 755 "$1" /usr/local/bin/
}

packages=$(lacking "$@")
[ -n "$packages" ] || exit 0

if ! has apt-get; then
	echo "install.sh: this machine has no apt; install by hand:" $packages "(QEMU 10 or newer)" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "install.sh: run as root, or install by hand:" $packages "(QEMU 10 or newer)" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
# shellcheck disable=SC2086 # a list of names
install $(printf '%s\n' $packages | grep -v -e ^qemu -e '^prometheus$' || true)
case " $(echo $packages) " in
*" prometheus "*) install_prometheus ;;
esac
qemu=$(printf '%s\n' $packages | grep ^qemu || true)
if [ -n "$qemu" ]; then
	candidate=$(apt-cache policy ${qemu%%[[:space:]]*} | sed -n 's/^ *Candidate: *//p')
	if dpkg --compare-versions "${candidate:-0}" ge 1:10; then
		install $qemu
	else
		install_qemu_from_backports $qemu
	fi
fi

packages=$(lacking "$@")
if [ -n "$packages" ]; then
	echo "install.sh: still not found, or too old:" $packages >&2
	exit 1
fi
