#!/bin/bash
# Records the examples again, each in its own run of nsblame in one fresh VM of
# the harness (internal/vmtest). It takes about seven minutes. Say in the commit
# why the recordings had to change: the README and a test use them.
#
# usage: examples/record.sh [vmtest exec's flags]
set -euo pipefail
cd "$(dirname "$0")/.."
GO=${GO:-go}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=0 "$GO" build -trimpath -o "$dir/nsblame" ./cmd/nsblame

# The guest prints one archive, in base64, between two marks.
"$GO" run ./internal/vmtest/cmd/vmtest exec -file "$dir/nsblame" "$@" -- "$(cat examples/guest.sh)" >"$dir/out"
sed -n '/^--- examples ---$/,/^--- end ---$/p' "$dir/out" | sed '1d;$d' | base64 -d | tar -xz -C examples
ls -l examples/*.avro
