# Runs after customize.sh in an image with container engines; $1 is its root.
root=$1

# Nothing but scenarios may make a namespace. The engines themselves run from the
# start on: all scenarios of a boot share them.
for unit in podman.service podman.socket podman-auto-update.timer podman-restart.service \
	podman-clean-transient.service netavark-dhcp-proxy.socket lxc-net.service lxc.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
for unit in podman.socket podman-restart.service podman-auto-update.timer; do
	ln -sf /dev/null "$root/etc/systemd/user/$unit"
done

# Incus and etcd are started by whoever needs them, and Incus has LXC's file system started.
rm -f "$root"/etc/systemd/system/*.wants/incus* "$root"/etc/systemd/system/*.wants/lxcfs* \
	"$root"/etc/systemd/system/*.wants/etcd*

# An emulated engine on a busy machine takes longer to start than systemd waits.
mkdir -p "$root/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=10min\n' >"$root/etc/systemd/system.conf.d/slow.conf"

# An image without a registry: busybox with its libraries, in docker's archive format,
# which all engines load. It is also what pods have for a sandbox.
work=$root/opt/containers
mkdir -p "$work/rootfs/bin" "$work/rootfs/usr" "$work/rootfs/etc" "$work/rootfs/tmp" "$work/rootfs/proc" "$work/rootfs/dev" \
	"$work/rootfs/sys" "$work/rootfs/var/run" "$work/rootfs/root" "$work/archive"
cp "$root/bin/busybox" "$work/rootfs/bin/busybox"
chroot "$root" ldd /bin/busybox | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r library; do
	mkdir -p "$work/rootfs/$(dirname "$library")"
	cp -L "$root/$library" "$work/rootfs/$library"
done
for applet in sh sleep true false cat echo env ls nc wget unshare kill touch mkdir; do
	ln -s busybox "$work/rootfs/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/rootfs/etc/passwd"
tar -C "$work/rootfs" --owner=0 --group=0 --numeric-owner --mtime=@0 --sort=name -cf "$work/archive/layer.tar" .
layer=$(sha256sum "$work/archive/layer.tar" | cut -d ' ' -f 1)
printf '{"architecture":"amd64","os":"linux","created":"2020-01-01T00:00:00Z","config":{"Env":["PATH=/bin"],"Cmd":["/bin/sleep","100000"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"2020-01-01T00:00:00Z","created_by":"vmtest"}]}' \
	"$layer" >"$work/archive/config"
config=$(sha256sum "$work/archive/config" | cut -d ' ' -f 1)
mv "$work/archive/config" "$work/archive/$config.json"
printf '[{"Config":"%s.json","RepoTags":["docker.io/library/busybox:latest"],"Layers":["layer.tar"]}]' \
	"$config" >"$work/archive/manifest.json"
tar -C "$work/archive" -cf "$work/busybox.tar" manifest.json "$config.json" layer.tar
rm -rf "$work/archive"
chmod -R a+rX "$work"

# Loads the image into an engine, unless it has it: "load docker", "load k8s.io" or
# "load podman".
cat >"$root/usr/local/bin/load" <<'LOAD'
#!/bin/sh
set -eu
image=docker.io/library/busybox:latest
archive=/opt/containers/busybox.tar
case $1 in
docker) docker image inspect busybox >/dev/null 2>&1 || docker load -q -i "$archive" ;;
podman) podman image exists "$image" || podman load -q -i "$archive" ;;
*) [ -n "$(ctr -n "$1" image ls -q name==$image)" ] || ctr -n "$1" image import "$archive" ;;
esac
LOAD
chmod 755 "$root/usr/local/bin/load"

mkdir -p "$root/etc/containerd" "$root/etc/docker" "$root/etc/cni/net.d"
cat >"$root/etc/containerd/config.toml" <<'TOML'
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/busybox:latest"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
TOML
# There is no network to protect, and each rule is a program that is run emulated.
mkdir -p "$root/etc/containers"
printf '[network]\nfirewall_driver = "none"\n' >"$root/etc/containers/containers.conf"
echo '{"iptables": false, "ip6tables": false, "bip": "10.201.0.1/24"}' >"$root/etc/docker/daemon.json"
# A plugin that fails for pods of the namespace "broken", and adds nothing for others:
# a sandbox whose network set-up fails, as nodes have them.
cat >"$root/etc/cni/net.d/10-vmtest.conflist" <<'JSON'
{"cniVersion": "1.0.0", "name": "vmtest", "plugins": [
  {"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local", "subnet": "10.202.0.0/16"}},
  {"type": "fails-broken"}
]}
JSON
cat >"$root/usr/lib/cni/fails-broken" <<'PLUGIN'
#!/bin/sh
config=$(cat)
case $CNI_COMMAND:$CNI_ARGS in
VERSION:*) echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}' ;;
# The arguments have another order each time.
ADD:*K8S_POD_NAMESPACE=broken\;* | ADD:*K8S_POD_NAMESPACE=broken)
	echo '{"cniVersion":"1.0.0","code":100,"msg":"no route to the fabric"}'
	exit 1
	;;
# The result of the plugin before it, as the chain hands it on.
ADD:*) printf '%s\n' "$config" | sed 's/.*"prevResult":\({.*}\),"type".*/\1/' ;;
esac
PLUGIN
chmod 755 "$root/usr/lib/cni/fails-broken"
echo 'runtime-endpoint: unix:///run/containerd/containerd.sock
timeout: 120' >"$root/etc/crictl.yaml"

# Rootless containers of an ordinary user.
grep -q '^alice:' "$root/etc/subuid" || echo 'alice:100000:65536' >>"$root/etc/subuid"
grep -q '^alice:' "$root/etc/subgid" || echo 'alice:100000:65536' >>"$root/etc/subgid"
echo 'net.ipv4.ip_forward=1' >"$root/etc/sysctl.d/containers.conf"
chroot "$root" usermod --append --groups docker alice
chroot "$root" useradd --create-home --shell /bin/bash --uid 1001 --groups docker bob
