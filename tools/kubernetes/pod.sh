# Runs in a VM with a kubelet, as root, beside pod.tar. nsblame runs in pods: as the
# agent that the DaemonSet makes, and as kubectl debug node/... --profile=sysadmin
# does. Both must name the pod whose sandbox fails, and what the node's files say.
set -eu
cd "$(dirname "$(find / -xdev -name pod.tar -type f 2>/dev/null | head -n 1)")"
fail() { echo "FAILED: $*" >&2; logs; systemctl status --no-pager kubelet | tail -n 30; exit 1; }
until_true() { # waits for a condition, for ten minutes at most
	for _ in $(seq 600); do
		if eval "$1" >/dev/null 2>&1; then return; fi
		sleep 1
	done
	fail "never: $1"
}
log() { cat /var/log/pods/"$1"*/*/*.log 2>/dev/null; }
logs() { for dir in /var/log/pods/*; do echo "== $dir"; cat "$dir"/*/*.log | tail -n 20 | cut -c1-400; done; }

mkdir -p /opt/pod /etc/kubernetes/manifests /var/lib/kubelet
tar -xf pod.tar -C /opt/pod
load k8s.io
ctr -n k8s.io image import /opt/pod/image.tar
touch /etc/resolv.conf
cat >/etc/kubernetes/kubelet.yaml <<-END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: /etc/kubernetes/manifests
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
enableServer: false
address: 127.0.0.1
readOnlyPort: 10255
healthzPort: 0
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: systemd
failSwapOn: false
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
fileCheckFrequency: 2s
runtimeRequestTimeout: 10m
evictionHard: {memory.available: 1Mi, nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
END
cat >/run/systemd/system/kubelet.service <<-END
[Unit]
After=containerd.service
[Service]
ExecStart=/opt/vmtest/bin/kubelet --config=/etc/kubernetes/kubelet.yaml --hostname-override=node1 --housekeeping-interval=60s
END
systemctl daemon-reload

cp /opt/pod/pod.yaml /opt/pod/debug.yaml /etc/kubernetes/manifests
systemctl start kubelet.service
agent() { crictl --timeout 120s ps -q --name nsblame --state running | head -n 1; }
ask() { crictl --timeout 300s exec "$(agent)" /nsblame serve --config /etc/nsblame/nsblame.yaml --ask "$1"; }
until_true 'ask /healthz | grep -q "^ok"'
# What the probes of the manifest came to, as the kubelet has it.
pods() { # asks the kubelet for its pods, each on a line
	exec 3<>/dev/tcp/127.0.0.1/10255
	printf 'GET /pods HTTP/1.0\r\n\r\n' >&3
	sed 's/{"metadata":{"name":/\n&/g' <&3
	exec 3>&-
}
of_agent() { pods | grep '^{"metadata":{"name":"nsblame-node1"' | grep -qE "$1"; }
until_true 'of_agent "\"type\":\"Ready\",[^}]*\"status\":\"True\""'
of_agent '"ready":true,"restartCount":0,.*"started":true' || fail "the agent's container is not ready and started at once: $(pods | grep nsblame-node1)"
for probe in startupProbe readinessProbe livenessProbe; do
	of_agent "\"$probe\":\{\"exec\":" || fail "the kubelet knows no $probe"
done
echo "the kubelet sees the agent ready, by its probes"
echo "the agent is up: $(ask /metrics | grep ^nsblame_build_info)"
until_true 'log default_nsblame-debug- | grep -q "coverage"'

cat >/etc/kubernetes/manifests/job.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {namespace: broken, name: job, labels: {app: job}}
spec:
  terminationGracePeriodSeconds: 1
  automountServiceAccountToken: false
  containers:
  - {name: job, image: "docker.io/library/busybox:latest", imagePullPolicy: Never, command: [sh, -c, "sleep 54321"]}
YAML
hostnamectl --static
until_true 'ask /api/report | grep -q "\"name\":\"job-node1\""'
until_true 'log default_nsblame-debug- | grep netns_create | grep -q "\"name\":\"job-node1\""'
rm /etc/kubernetes/manifests/job.yaml

ask /api/report >/tmp/report.json
# It has the pod from the network plugin, the kubelet as who asked, and a file of the
# node: the setting of systemd-hostnamed, by its unit file and line.
grep -q '"name":"job-node1"' /tmp/report.json || fail "the agent names no pod"
grep -q 'kubelet.service' /tmp/report.json || fail "the agent names no kubelet"
log default_nsblame-debug- | grep netns_create | grep hostnamed >/tmp/hostnamed || fail "hostnamed was not seen"
grep -q '"link":"setting","evidence":"file"' /tmp/hostnamed || fail "no unit file was read: $(cat /tmp/hostnamed)"
grep -q 'hostnamectl' /tmp/hostnamed || fail "the caller is not named"
ls -l /var/lib/nsblame
ls /var/lib/nsblame/*.avro >/dev/null || fail "nothing is recorded on the node"
echo "from within a pod: $(log default_nsblame-debug- | grep -c '"netns_create"') creations, job-node1 named $(log default_nsblame-debug- | grep netns_create | grep -c job-node1) times"
systemctl stop kubelet.service
