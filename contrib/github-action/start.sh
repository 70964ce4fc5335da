#!/bin/bash
# Begins to record, and returns once nothing is missed any more.
#
#   NSBLAME_FAIL_ON   conditions, one a line
#   NSBLAME_REDACT    what to hide, or none
#   NSBLAME_VERSION   the release to install, empty for the nsblame in the path
#   RUNNER_TEMP       where to work
set -euo pipefail
dir=${RUNNER_TEMP:?}/nsblame
mkdir "$dir" || { echo "::error::nsblame records already: the mode stop comes first" >&2; exit 1; }
chmod 700 "$dir"

nsblame=nsblame
if [ -n "${NSBLAME_VERSION:-}" ]; then
	case $(uname -m) in
	x86_64) arch=amd64 ;;
	aarch64) arch=arm64 ;;
	*) echo "::error::no nsblame is built for $(uname -m)" >&2; exit 1 ;;
	esac
	archive=nsblame_${NSBLAME_VERSION}_linux_$arch.tar.gz
	from=https://github.com/nsblame/nsblame/releases/download/v$NSBLAME_VERSION
	for file in "$archive" SHA256SUMS; do
		curl -fsSL --retry 3 -o "$dir/$file" "$from/$file"
	done
	(cd "$dir" && grep -F "  $archive" SHA256SUMS | sha256sum --check --strict)
	tar -xzf "$dir/$archive" -C "$dir" --wildcards --strip-components=1 '*/nsblame'
	nsblame=$dir/nsblame
fi
nsblame=$(command -v "$nsblame") || { echo "::error::nsblame is not installed: set version" >&2; exit 1; }
echo "$nsblame" >"$dir/path"

args=(record -o "$dir/nsblame.avro" --ready-file "$dir/ready")
[ "${NSBLAME_REDACT:-secrets}" = none ] || args+=("--redact=${NSBLAME_REDACT:-secrets}")
while read -r condition; do
	[ -z "$condition" ] || args+=(--fail-on "$condition")
done <<<"${NSBLAME_FAIL_ON:-}"

# It outlives this step, so its exit code goes to a file.
setsid bash -c 'dir=$1; shift; code=0; sudo "$@" >"$dir/log" 2>&1 </dev/null || code=$?; echo $code >"$dir/code.new"; mv "$dir/code.new" "$dir/code"' \
	- "$dir" "$nsblame" "${args[@]}" >/dev/null 2>&1 </dev/null &
until [ -e "$dir/ready" ] || [ -e "$dir/code" ]; do sleep 0.2; done
if [ -e "$dir/code" ]; then
	cat "$dir/log" >&2
	echo "::error::nsblame does not record, see above" >&2
	exit 1
fi
