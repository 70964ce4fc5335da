// Package machinery tells what a process that makes a network namespace is to a
// container: its runtime (runc, crun, youki), what looks after it (conmon,
// containerd-shim-runc-v2), the engine that they work for (dockerd, containerd, CRI-O,
// podman's service, LXD, Incus), or a command that does without one (podman,
// lxc-start, systemd-nspawn).
//
// It is pure. A program is known by what it is: the path of its executable, the shape of
// its arguments, and who runs it. Its comm, which anybody can choose, proves nothing.
package machinery
