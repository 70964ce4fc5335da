#!/bin/bash
# Ends the recording, and puts the report into the summary of the job.
#
#   RUNNER_TEMP           as for start.sh
#   GITHUB_STEP_SUMMARY   what to append the report to
#   GITHUB_OUTPUT         where the path of the recording goes
set -euo pipefail
dir=${RUNNER_TEMP:?}/nsblame
[ -e "$dir/path" ] || { echo "::error::nsblame does not record: the mode start comes first" >&2; exit 1; }
if [ ! -e "$dir/code" ]; then
	sudo kill -INT "$(cat "$dir/ready")" || true # it may have ended by itself
	until [ -e "$dir/code" ]; do sleep 0.2; done
fi
cat "$dir/log"
sudo chown "$(id -u):$(id -g)" "$dir/nsblame.avro"
echo "recording=$dir/nsblame.avro" >>"$GITHUB_OUTPUT"
# Of a damaged recording the report says so, with exit code 1. A summary has room for
# 1 MiB, all steps together.
"$(cat "$dir/path")" report --output markdown --top 5 "$dir/nsblame.avro" >"$dir/report.md"
if [ "$(stat -c %s "$dir/report.md")" -gt 500000 ]; then
	echo 'The report is too long for a summary: run `nsblame report` on the recording.' >>"$GITHUB_STEP_SUMMARY"
else
	cat "$dir/report.md" >>"$GITHUB_STEP_SUMMARY"
fi
