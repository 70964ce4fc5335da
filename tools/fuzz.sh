#!/bin/bash
# Runs every fuzz target of the module for a while, one for each processor at a
# time, each with one worker.
#
# usage: fuzz.sh TIME [REGEXP]
#   TIME    for each target, as for go test -fuzztime
#   REGEXP  only the targets, as PACKAGE.NAME, that it matches
#
# A target is what go test lists as one. One that go test then doesn't fuzz
# fails, as does a REGEXP that matches none: go test itself only warns of a
# pattern without a match. What a target finds, go test writes to testdata/fuzz
# of its package, where it stays as a regression test; nothing else is written
# to the tree.
set -euo pipefail
GO=${GO:-go}

if [ $# -lt 1 ]; then
	echo "usage: fuzz.sh TIME [REGEXP]" >&2
	exit 2
fi
time=$1 pattern=${2:-}

# targets prints PACKAGE and NAME of each.
targets() {
	"$GO" test -json -list '^Fuzz' ./... | sed -n \
		's/.*"Action":"output","Package":"\([^"]*\)","Output":"\(Fuzz[A-Za-z0-9_]*\)\\n".*/\1 \2/p'
}

# found tells from what go test said whether it failed for a reason. On a busy
# machine it also fails because the time was up while a worker was at work
# (golang/go#75804).
found() {
	! grep -q '^ *context deadline exceeded$' "$1" ||
		grep -qE 'Failing input written|panic:|hung or terminated|^FAIL.*\[' "$1"
}

# one fuzzes NAME of PACKAGE and prints a line, or all that there is to say if
# it fails.
one() {
	local package=$1 name=$2 log
	log=$(mktemp)
	if { "$GO" test -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 100x -parallel 1 \
		"$package" >"$log" 2>&1 || ! found "$log"; } && grep -q '^fuzz: elapsed: .* execs: [1-9]' "$log"; then
		echo "ok   $package $name: $(sed -n 's/^fuzz: elapsed: \(.*\)$/\1/p' "$log" | tail -n 1)"
		rm -f "$log"
		return
	fi
	echo "FAIL $package $name" >&2
	cat "$log" >&2
	rm -f "$log"
	exit 1
}

if [ "$time" = one ]; then # called by itself, below
	one "$2" "$3"
	exit
fi

list=$(targets) || {
	echo "fuzz.sh: the tests cannot be listed; see go test -list Fuzz ./..." >&2
	exit 1
}
if [ -n "$pattern" ]; then
	list=$(awk -v "pattern=$pattern" '($1 "." $2) ~ pattern' <<<"$list")
fi
if [ -z "$list" ]; then
	echo "fuzz.sh: no fuzz target${pattern:+ matches $pattern}" >&2
	exit 1
fi
echo "fuzzing $(wc -l <<<"$list") targets, $time each"
export GO FUZZTIME=$time
xargs -P "$(nproc)" -n 2 "$0" one <<<"$list"
