package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// Hierarchy is the cgroup hierarchy from which paths are taken. Its values are
// those of event.Host.CgroupHierarchy.
type Hierarchy string

// The hierarchies.
const (
	// HierarchyUnified is cgroup version 2.
	HierarchyUnified Hierarchy = "unified"
	// HierarchySystemd is version 1's named hierarchy, of the legacy and the
	// hybrid layouts.
	HierarchySystemd Hierarchy = "name=systemd"
)

// ErrNoHierarchy says that no hierarchy on this machine names units.
var ErrNoHierarchy = errors.New("neither cgroup version 2 nor the hierarchy name=systemd is in use")

// CgroupHierarchy tells which hierarchy names the units and containers of this
// machine. With ErrNoHierarchy it returns HierarchyUnified, in which every
// task has a place, if only the root.
func CgroupHierarchy() (Hierarchy, error) { return running().cgroupHierarchy() }

// cgroupHierarchy judges by where pid 1 sits, for systemd puts itself into
// init.scope (or system.slice, or a container's path) of the hierarchy that it
// manages and leaves others alone. A hierarchy name=systemd that is merely
// mounted on a unified machine, as some do for old containers, is not taken.
//
// In the hybrid layout systemd sits in both. There name=systemd is the better
// witness: container runtimes that create cgroups themselves do so in version
// 1, and leave a container's processes in the runtime's own unit of version 2.
func (x *examiner) cgroupHierarchy() (Hierarchy, error) {
	places := x.placesOfInit()
	systemd, hasSystemd := places["name=systemd"]
	unified, hasUnified := places[""]
	switch {
	case hasSystemd && systemd != "/":
		return HierarchySystemd, nil
	case hasUnified && (unified != "/" || !hasSystemd):
		return HierarchyUnified, nil
	}
	return x.mountedHierarchy()
}

// placesOfInit returns the cgroup of pid 1 by controller list, the empty one
// being version 2. It is empty where /proc does not tell.
func (x *examiner) placesOfInit() map[string]string {
	data, err := fs.ReadFile(x.root, "proc/1/cgroup")
	if err != nil {
		return nil
	}
	return parseCgroup(data)
}

func parseCgroup(data []byte) map[string]string {
	places := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		// id:controllers:path; the path may hold colons.
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) == 3 {
			places[fields[1]] = fields[2]
		}
	}
	return places
}

// mountedHierarchy judges by what is mounted: for machines without systemd, and
// for containers whose pid 1 shows the root of its cgroup namespace.
func (x *examiner) mountedHierarchy() (Hierarchy, error) {
	data, err := fs.ReadFile(x.root, "proc/self/mountinfo")
	if err != nil {
		return HierarchyUnified, err
	}
	anyUnified, anySystemd := false, false
	for _, m := range parseMountinfo(data) {
		switch {
		case m.fstype == "cgroup2" && m.point == "/sys/fs/cgroup":
			return HierarchyUnified, nil
		case m.fstype == "cgroup2":
			anyUnified = true
		case m.fstype == "cgroup" && slices.Contains(m.options, "name=systemd"):
			anySystemd = true
		}
	}
	switch {
	case anySystemd:
		return HierarchySystemd, nil
	case anyUnified:
		return HierarchyUnified, nil
	}
	return HierarchyUnified, ErrNoHierarchy
}

// mount is a line of /proc/self/mountinfo, as far as needed here.
type mount struct {
	point, fstype string
	options       []string // of the file system, not of the mount
}

func parseMountinfo(data []byte) []mount {
	var mounts []mount
	lines := bufio.NewScanner(bytes.NewReader(data))
	// A line of an overlay with many layers passes bufio's 64 KiB.
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		mounts = append(mounts, mount{point: left[4], fstype: right[0], options: strings.Split(right[2], ",")})
	}
	return mounts
}
