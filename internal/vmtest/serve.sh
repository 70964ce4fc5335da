# The agent under a real Prometheus with the rules of contrib/prometheus, their minutes
# made seconds: they fire on a leak, on a storm, and when the agent is killed. Then
# systemd's own restart is played, and all falls silent again.
set -eu
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
fail() { echo "FAILED: $*" >&2; cat agent.err >&2; tail -n 5 prometheus.err >&2; exit 1; }
until_true() { # waits for a condition, for five minutes at most
	for _ in $(seq 300); do
		if eval "$1" >/dev/null 2>&1; then return; fi
		sleep 1
	done
	fail "never: $1"
}
query() { promtool query instant http://127.0.0.1:9090 "$1"; }
fires() { query "ALERTS{alertname=\"$1\",alertstate=\"firing\"}" | grep -q "$1"; }
agent() {
	rm -f ready
	nsblame serve --ready-file ready --rotate-size 1M --rotate-files 3 2>>agent.err &
	pid=$!
	until_true '[ -e ready ]'
}

sed -E 's/for: [0-9]+m/for: 2s/; s/\[1h\]/[20s]/g; s/\[5m\]/[20s]/g; s/\[15m\]/[20s]/g; s/offset 2h/offset 40s/' nsblame.rules.yml >rules.yml
cat >prometheus.yml <<'YAML'
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: nsblame
    static_configs: [{targets: ['127.0.0.1:9977']}]
YAML
agent
prometheus --config.file prometheus.yml --storage.tsdb.path data --web.listen-address 127.0.0.1:9090 2>prometheus.err &
until_true 'query up | grep -q "=> 1"'

ip netns add first
until_true 'query "sum(nsblame_netns_open)" | grep -q "=> 1"'
# what there was 40 seconds before is what a leak is compared with
until_true 'query "count_over_time(sum(nsblame_netns_open)[60s:1s])" | grep -qE "=> (5[0-9]|6)"'
fires NsblameNamespaceLeak && fail "a leak is told, and nothing leaks"
fires NsblameNamespaceStorm && fail "a storm is told, and it is quiet"
for i in $(seq 12); do ip netns add "leak$i"; done
until_true 'fires NsblameNamespaceLeak'
echo "the leak is told: $(query 'ALERTS{alertname="NsblameNamespaceLeak",alertstate="firing"}')"

(while [ ! -e calm ]; do unshare --net true; done) &
until_true 'fires NsblameNamespaceStorm'
echo "the storm is told: $(query 'ALERTS{alertname="NsblameNamespaceStorm",alertstate="firing"}')"
touch calm
until_true '! fires NsblameNamespaceStorm'
nsblame serve --ask /api/report >report.json
grep -q '"type":"report"' report.json || fail "no report"
grep VmHWM "/proc/$pid/status"

kill -9 $pid
until_true 'fires NsblameDown'
echo "that it is down is told"
agent
until_true '! fires NsblameDown'
until_true 'query up | grep -q "=> 1"'
unshare --net true
kill -INT $pid
wait $pid || fail "it ends with $?"
# The killed agent's last block is missing: that is reported, and costs no more.
code=0
nsblame report /var/lib/nsblame/*.avro >report || code=$?
cat report
[ $code = 1 ] || fail "a recording was cut off, and report exits with $code"
grep -q 'unshare --net true' report || fail "the report lacks the storm"
grep -q 'ip netns add' report || fail "the report lacks the leak"
