package image

import (
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
	// Packages are installed beside those of every guest.
	Packages []string
}

// everyGuest lists what each guest needs whatever its release: a bootable
// system, and the programs that scenarios call.
var everyGuest = []string{
	// A system that boots from a virtio disk.
	"systemd-sysv", "libpam-systemd", "udev", "kmod", "initramfs-tools", "linux-image-cloud-amd64",
	// The buses. dbus-broker is there to be switched to, not enabled.
	"dbus", "dbus-user-session", "dbus-broker",
	// Programs that create network namespaces or ask for them.
	"util-linux", "iproute2", "bubblewrap", "cron", "sudo",
	// For the scripts.
	"procps",
}

// releases is all that differs from one guest to the next.
var releases = []Release{
	{
		Name:     "bullseye",
		Suites:   []string{"bullseye", "bullseye-security"},
		Packages: []string{"policykit-1"},
	},
	{
		Name:     "bookworm",
		Suites:   []string{"bookworm", "bookworm-updates", "bookworm-security"},
		Packages: []string{"dbus-bin", "polkitd"},
	},
	{
		Name:     "trixie",
		Suites:   []string{"trixie", "trixie-updates", "trixie-security"},
		Packages: []string{"dbus-bin", "polkitd"},
	},
	{
		Name:     "sid",
		Suites:   []string{"sid"},
		Packages: []string{"dbus-bin", "polkitd"},
	},
}

// FindRelease returns the release of that code name.
func FindRelease(name string) (Release, error) {
	var names []string
	for _, r := range releases {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return Release{}, fmt.Errorf("unknown release %q: choose one of %s", name, strings.Join(names, ", "))
}

func (r Release) packages() []string {
	return slices.Concat(everyGuest, r.Packages)
}
