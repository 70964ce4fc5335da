#!/bin/bash
# Fails if the recording did, or a condition was met. It is the last step, so that the
# report and the recording are there in any case.
set -euo pipefail
dir=${RUNNER_TEMP:?}/nsblame
code=$(cat "$dir/code")
case $code in
0) ;;
4) echo "::error::a condition of fail-on was met: $(grep -F -- --fail-on "$dir/log" | tail -1)" ;;
*) echo "::error::nsblame record ended with exit code $code, see the log of the step before" ;;
esac
exit "$code"
