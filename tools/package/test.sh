#!/bin/sh
# Tests what build.sh makes: it is the same to the byte when built from a clone
# elsewhere, and in VMs the deb installs, records as a service, is upgraded and
# purged, and leaves nothing behind. The rpm and the one for Windows: see chroot.sh.
#
# usage: test.sh TOOLS
set -eu
tools=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

tools/package/build.sh "$tools" "$tmp/first"
git clone --quiet . "$tmp/clone"
(cd "$tmp/clone" && tools/package/build.sh "$tools" "$tmp/second")
diff -r "$tmp/first" "$tmp/second"
echo "packages: built twice, the same bytes"

tools/package/chroot.sh "$tmp/first"

deb=$(ls "$tmp"/first/nsblame_*_amd64.deb)
cp "$deb" "$tmp/nsblame.deb"
# A later version, to upgrade to: the same files.
git clone --quiet . "$tmp/later"
(
	cd "$tmp/later"
	git -c user.name=test -c user.email=test@example.org tag -a -m later v999.0.0
	tools/package/build.sh "$tools" "$tmp/third"
)
cp "$tmp"/third/nsblame_999.0.0_amd64.deb "$tmp/later.deb"
for release in bookworm trixie; do
	${VMTEST:-go run ./internal/vmtest/cmd/vmtest} exec -release $release -timeout 30m \
		-file "$tmp/nsblame.deb" -file "$tmp/later.deb" -- "$(cat tools/package/vm.sh)"
	echo "packages: installed, upgraded and purged on $release"
done
