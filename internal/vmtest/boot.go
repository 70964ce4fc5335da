package vmtest

import (
	_ "embed" // for the scripts
	"fmt"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/vmtest/image"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// Boot is a way of booting the guest.
type Boot struct {
	// Name is what scenarios call it.
	Name string
	// About says what is different.
	About string
	// Append is added to the kernel's command line.
	Append string
	// Prepare is a shell script that runs before systemd, on a disk that is
	// as fresh as at each boot.
	Prepare string
	// Nsblame is set if it starts nsblame, as nsblame.service.
	Nsblame bool
	// MemoryMiB is the size of its memory, if that is not to be the usual.
	MemoryMiB int
	// Image is the variant of the release's image that it boots, empty for the
	// plain one.
	Image string
	// Tools are programs of the directory tools that the guest gets, each built once.
	Tools []string
	// Home is the release that it is for, where nobody asks for another. Empty stands
	// for that of all others.
	Home string
	// Apart is set if its scenarios are run only where the boot is named.
	Apart bool
	// Lacking says of a release why it can't be booted so.
	Lacking map[string]string
}

//go:embed boots/dbus-broker.sh
var prepareBroker string

//go:embed boots/no-logind.sh
var prepareNoLogind string

//go:embed boots/busybox.sh
var prepareBusybox string

//go:embed boots/early.sh
var prepareEarly string

// systemd 256 and 257 want the second to believe the first.
const hybrid = "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"

// withoutContainers are the releases for which there is no image with container engines.
var withoutContainers = map[string]string{
	"bullseye": "container engines of Debian 12 or newer", "sid": "container engines of a release that stays as it is",
}

// What Debian 12 has of containerd is too old for the kubelet.
var withoutKubelet = map[string]string{
	"bullseye": "containerd of Debian 13", "bookworm": "containerd of Debian 13", "sid": "containerd of Debian 13",
}

var withoutVersion1 = map[string]string{"sid": "a systemd that knows cgroup version 1, which it gave up with 258"}

// boots are all ways of booting, in the order in which the suite takes them.
var boots = []Boot{
	{Name: scenario.PlainBoot, About: "the release as it is"},
	{Name: "dbus-broker", About: "dbus-broker in place of dbus-daemon", Prepare: prepareBroker},
	{Name: "hybrid", About: "cgroup version 1, and systemd in version 2 too", Append: hybrid, Lacking: withoutVersion1},
	{
		Name: "legacy", About: "cgroup version 1 alone",
		Append: hybrid + " systemd.legacy_systemd_cgroup_controller=1", Lacking: withoutVersion1,
	},
	{Name: "no-logind", About: "no systemd-logind, so hardly any signal of the manager", Prepare: prepareNoLogind},
	{Name: "early", About: "nsblame starts before the basic system", Prepare: prepareEarly, Nsblame: true},
	{Name: "roomy", About: "memory for many processes", MemoryMiB: 6144},
	{
		Name: "busybox", About: "no systemd: busybox is the init",
		Append: "VMTEST_INIT=/opt/vmtest/busybox/init", Prepare: prepareBusybox,
	},
	{
		Name: "containers", About: "docker, containerd, podman, LXC and systemd-nspawn", Image: image.Containers,
		Home: "trixie", MemoryMiB: 3072, Tools: []string{"crictl"}, Lacking: withoutContainers,
	},
	{
		Name: "kubernetes", About: "containerd, a kubelet and a control plane", Image: image.Containers, Apart: true,
		Home: "trixie", MemoryMiB: 4096, Lacking: withoutKubelet,
		Tools: []string{"crictl", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler"},
	},
}

// FindBoot returns the way of booting of that name.
func FindBoot(name string) (Boot, error) {
	var names []string
	for _, b := range boots {
		if b.Name == name {
			return b, nil
		}
		names = append(names, b.Name)
	}
	return Boot{}, fmt.Errorf("unknown boot %q: choose one of %s", name, strings.Join(names, ", "))
}

// label adds the boot to the name of a scenario, where it is not the plain one.
func (b Boot) label(name string) string {
	if b.Name == scenario.PlainBoot {
		return name
	}
	return name + " [" + b.Name + "]"
}

// checkBoots reports what is wrong with the boots that a scenario names.
func checkBoots(s *scenario.Scenario) error {
	for _, name := range s.Boots {
		b, err := FindBoot(name)
		if err == nil && s.AtBoot && !b.Nsblame {
			err = fmt.Errorf("boot %s starts no nsblame: leave out \"nsblame at boot\"", name)
		}
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.Name, err)
		}
	}
	return nil
}

// group is the scenarios that one boot runs, on so many CPUs.
type group struct {
	boot      Boot
	cpus      int
	scenarios []*scenario.Scenario
}

// groupByBoot returns the boots that are needed, each with its scenarios. Those
// that need more CPUs than there are by default have a boot of their own.
func groupByBoot(scenarios []*scenario.Scenario, cpus int) []group {
	var groups []group
	for _, b := range boots {
		own := len(groups)
		for _, s := range scenarios {
			if !s.RunsUnder(b.Name) {
				continue
			}
			n := max(cpus, s.CPUs)
			i := slices.IndexFunc(groups[own:], func(g group) bool { return g.cpus == n })
			if i < 0 {
				groups, i = append(groups, group{boot: b, cpus: n}), len(groups)-own
			}
			g := &groups[own+i]
			g.scenarios = append(g.scenarios, s)
		}
	}
	return groups
}

// bootsOf are the boots of groups, some maybe several times.
func bootsOf(groups []group) []Boot {
	var all []Boot
	for _, g := range groups {
		all = append(all, g.boot)
	}
	return all
}
