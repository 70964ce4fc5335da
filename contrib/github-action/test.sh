#!/bin/bash
# The steps of the action as a runner runs them. In a VM, as root, beside nsblame and the
# scripts: make test-action.
set -eux
fail() { echo "FAILED: $*" >&2; exit 1; }
command -v sudo || { mkdir -p /run/bin; printf '#!/bin/sh\nexec "$@"\n' >/run/bin/sudo; chmod +x /run/bin/sudo; export PATH=$PATH:/run/bin; }
job() { # begins a job
	RUNNER_TEMP=$(mktemp -d)
	GITHUB_STEP_SUMMARY=$RUNNER_TEMP/summary GITHUB_OUTPUT=$RUNNER_TEMP/output
	export RUNNER_TEMP GITHUB_STEP_SUMMARY GITHUB_OUTPUT
}
code() { local got=0; "$@" || got=$?; echo $got; }

job
NSBLAME_FAIL_ON=$'leaked\n\nfailed' bash ./start.sh
[ "$(code bash ./start.sh 2>/dev/null)" = 1 ] || fail "it starts twice"
unshare --net true
bash ./stop.sh
bash ./verdict.sh
cat "$GITHUB_STEP_SUMMARY"
grep unshare "$GITHUB_STEP_SUMMARY" || fail "the summary names no cause"
grep '^## ' "$GITHUB_STEP_SUMMARY" || fail "the summary is no Markdown"
recording=$(sed -n 's/^recording=//p' "$GITHUB_OUTPUT")
[ -r "$recording" ] || fail "there is no recording"
nsblame report "$recording" | grep unshare

job
NSBLAME_FAIL_ON=leaked NSBLAME_REDACT=none bash ./start.sh
unshare --net sleep 1000 &
until nsblame list | grep -q sleep; do sleep 1; done
bash ./stop.sh
[ "$(code bash ./verdict.sh | tail -1)" = 4 ] || fail "a leak passes"
bash ./verdict.sh | grep '::error::.*leaked' || fail "the leak is not named"
kill %1
[ -s "$GITHUB_STEP_SUMMARY" ] || fail "no summary of a job that fails"

job
[ "$(code bash ./stop.sh)" = 1 ] || fail "it stops without a start"
NSBLAME_FAIL_ON=nonsense bash ./start.sh && fail "it starts with a condition that there is not"
echo passed
