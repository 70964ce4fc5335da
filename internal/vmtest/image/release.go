package image

import (
	_ "embed" // for a script
	"fmt"
	"slices"
	"strings"
)

// Release is a Debian release that can be a guest.
type Release struct {
	// Name is the release's code name.
	Name string
	// Suites are those that packages are taken from, the main one first.
	Suites []string
	// Kernel is the package of the kernel.
	Kernel string
	// Packages are installed beside those of every guest.
	Packages []string
	// Variant distinguishes an image with more in it from the plain one. The
	// plain one's is empty.
	Variant string `json:",omitempty"`
	// Customize is a shell script that runs after that of every guest.
	Customize string `json:",omitempty"`
	// Disk is the size of the disk, empty for that of most guests. It is sparse:
	// unwritten blocks take no room.
	Disk string `json:",omitempty"`
}

// everyGuest lists what each guest needs in any release: a bootable system, and
// the programs that scenarios call.
var everyGuest = []string{
	// A system that boots from a virtio disk.
	"systemd-sysv", "libpam-systemd", "udev", "kmod", "initramfs-tools",
	// The buses. dbus-broker is installed but not enabled; a boot switches to
	// it.
	"dbus", "dbus-user-session", "dbus-broker",
	// Programs that create network namespaces or ask for them.
	"util-linux", "iproute2", "bubblewrap", "cron", "sudo",
	// For the scripts.
	"procps",
	// An init that is not systemd, for the boot that has none.
	"busybox",
}

const currentKernel = "linux-image-cloud-amd64"

// releases is all that differs from one guest to the next.
var releases = []Release{
	{
		Name:   "bullseye",
		Suites: []string{"bullseye", "bullseye-security"},
		// The release is closed and this its last kernel; not every mirror
		// still has the package that stands for the current one.
		Kernel:   "linux-image-5.10.0-46-cloud-amd64",
		Packages: []string{"policykit-1"},
	},
	{
		Name:     "bookworm",
		Suites:   []string{"bookworm", "bookworm-updates", "bookworm-security"},
		Kernel:   currentKernel,
		Packages: []string{"dbus-bin", "polkitd"},
	},
	{
		Name:     "trixie",
		Suites:   []string{"trixie", "trixie-updates", "trixie-security"},
		Kernel:   currentKernel,
		Packages: []string{"dbus-bin", "polkitd"},
	},
	{
		Name:     "sid",
		Suites:   []string{"sid"},
		Kernel:   currentKernel,
		Packages: []string{"dbus-bin", "polkitd"},
	},
}

// Releases are the code names of all, the oldest first.
func Releases() []string {
	var names []string
	for _, r := range releases {
		names = append(names, r.Name)
	}
	return names
}

// FindRelease returns the release of that code name.
func FindRelease(name string) (Release, error) {
	for _, r := range releases {
		if r.Name == name {
			return r, nil
		}
	}
	return Release{}, fmt.Errorf("unknown release %q: choose one of %s", name, strings.Join(Releases(), ", "))
}

// benchPackages are the tools that nsblame is measured beside, and what they
// need. execsnoop needs the kernel's headers.
var benchPackages = []string{"bpftrace", "bpfcc-tools", "linux-headers-cloud-amd64", "auditd", "socat"}

//go:embed bench.sh
var benchScript string

// ForBench returns the release with the programs that nsblame is measured
// beside.
func (r Release) ForBench() Release {
	r.Variant, r.Customize = Bench, benchScript
	r.Packages = slices.Concat(r.Packages, benchPackages)
	return r
}

// containerPackages are container engines and runtimes, with their clients.
var containerPackages = []string{
	"docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd", "containernetworking-plugins",
	"podman", "crun", "conmon", "netavark", "aardvark-dns", "passt", "slirp4netns", "uidmap", "fuse-overlayfs",
	"systemd-container", "lxc", "incus-base", "incus-client", "iptables", "curl", "socat", "ca-certificates",
	// What an API server of Kubernetes keeps its objects in, and makes its keys.
	"etcd-server", "openssl",
}

// withoutPackages are those of them that a release lacks. Its docker.io has the client in it.
var withoutPackages = map[string][]string{"bookworm": {"docker-cli", "docker-buildx", "incus-base", "incus-client"}}

// morePackages are what a release needs beside them: this docker loads its own profile.
var morePackages = map[string][]string{"bookworm": {"apparmor"}}

//go:embed containers.sh
var containersScript string

// containersDisk is large enough for the engines and their copies of an image.
const containersDisk = "8G"

// ForContainers returns the release with container engines and an image for them.
func (r Release) ForContainers() Release {
	r.Variant, r.Customize, r.Disk = Containers, containersScript, containersDisk
	lacks := func(p string) bool { return slices.Contains(withoutPackages[r.Name], p) }
	r.Packages = slices.Concat(r.Packages, slices.DeleteFunc(slices.Clone(containerPackages), lacks), morePackages[r.Name])
	return r
}

// Variants are the images that there are of a release beside the plain one.
const (
	Bench      = "bench"
	Containers = "containers"
)

// As returns the release with what a variant has beside the plain image.
func (r Release) As(variant string) Release {
	switch variant {
	case Bench:
		return r.ForBench()
	case Containers:
		return r.ForContainers()
	}
	return r
}

// id is what its images are called.
func (r Release) id() string {
	if r.Variant == "" {
		return r.Name
	}
	return r.Name + "-" + r.Variant
}

func (r Release) packages() []string {
	return slices.Concat(everyGuest, []string{r.Kernel}, r.Packages)
}
