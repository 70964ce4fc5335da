#!/bin/sh
# Builds all that is published into a directory: a deb and an rpm, archives for
# Linux, macOS and Windows, container images, a list of what is in each binary
# (SBOM), and checksums.
# From the same commit come the same bytes.
#
# usage: build.sh TOOLS DIR, with the built tools in TOOLS
set -eu
tools=$1 out=$2
GO=${GO:-go}
export CGO_ENABLED=0 LC_ALL=C TZ=UTC
umask 022

# A tag v1.2.3 is version 1.2.3. Past it, or without one, the commit is said:
# 1.2.3+5.g0123456789ab, which dpkg and rpm take for newer.
described=$(git describe --tags --abbrev=12 --match 'v[0-9]*' --dirty 2>/dev/null || echo "v0.0.0-0-g$(git rev-parse --short=12 HEAD)")
VERSION=$(echo "${described#v}" | sed 's/-/+/; s/-/./g')
export VERSION
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$out"

# usage: binary OS ARCH FILE
binary() {
	GOOS=$1 GOARCH=$2 $GO build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=v$VERSION" -o "$3" ./cmd/nsblame
	chmod 755 "$3"
}

# usage: bill FILE NAME: what modules are in a binary
bill() {
	"$tools/cyclonedx-gomod" bin -json -noserial -notimestamp -version "v$VERSION" -output "$out/$2.cdx.json" "$1" 2>/dev/null
}

# usage: archive DIR NAME
archive() {
	tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
		--directory "$tmp" "$1" | gzip -9n >"$out/$2.tar.gz"
}

# What make install makes serves all: completions and manual pages are the same
# everywhere. They come from a binary for this machine.
binary "$($GO env GOHOSTOS)" "$($GO env GOHOSTARCH)" "$tmp/nsblame"
make --no-print-directory man OUT="$tmp" >/dev/null
for arch in amd64 arm64; do
	stage=$tmp/stage-$arch
	make --no-print-directory install OUT="$tmp" PREFIX=/usr DESTDIR="$stage" >/dev/null
	binary linux $arch "$stage/usr/bin/nsblame"
	gzip -9n "$stage"/usr/share/man/man1/*.1
	bill "$stage/usr/bin/nsblame" "nsblame_${VERSION}_linux_$arch"
	for kind in deb rpm; do
		GOARCH=$arch STAGE=$stage "$tools/nfpm" package --config contrib/package/nfpm.yaml --packager $kind --target "$out"
	done
	# a tag has no "+"
	"$tools/image" -binary "$stage/usr/bin/nsblame" -arch $arch -version "v$VERSION" -revision "$(git rev-parse HEAD)" \
		-tag "ghcr.io/nsblame/nsblame:$(echo "$VERSION" | tr + -)" -out "$out/nsblame_${VERSION}_linux_$arch.image.tar"
done
for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do
	os=${target%/*} arch=${target#*/}
	name=nsblame_${VERSION}_${os}_$arch
	dir=$tmp/$name suffix=
	[ "$os" != windows ] || suffix=.exe
	mkdir -p "$dir"
	cp LICENSE NOTICE README.md "$dir"
	cp bpf/LICENSE "$dir/LICENSE.bpf"
	cp -r examples "$dir/examples"
	if [ "$os" = linux ]; then
		cp "$tmp/stage-$arch/usr/bin/nsblame" "$dir/nsblame"
		cp -r "$tmp/man" "$dir/man"
		cp -r "$tmp/stage-$arch/usr/share/bash-completion" "$tmp/stage-$arch/usr/share/zsh" "$tmp/stage-$arch/usr/share/fish" "$dir"
		cp -r contrib "$dir/contrib"
	else
		binary "$os" "$arch" "$dir/nsblame$suffix"
		bill "$dir/nsblame$suffix" "$name"
	fi
	archive "$name" "$name"
done
(cd "$out" && rm -f SHA256SUMS && sha256sum -- * >SHA256SUMS)
