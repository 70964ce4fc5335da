package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/observe/hostroot"
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

// CgroupHierarchy returns the hierarchy that names the units and containers of
// this machine. With ErrNoHierarchy it returns HierarchyUnified, where every
// task has a place, at least the root.
func CgroupHierarchy() (Hierarchy, error) { return running().cgroupHierarchy() }

// cgroupHierarchy looks where pid 1 is. systemd puts itself into init.scope (or
// system.slice, or a container's path) of the hierarchy that it manages, and
// leaves others alone. Some mount a hierarchy name=systemd on a unified machine
// for old containers; that one does not count.
//
// In the hybrid layout systemd is in both. There name=systemd is the better
// witness. Container runtimes that create cgroups themselves do so in version
// 1. In version 2 they leave a container's processes in the runtime's own unit.
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

// placesOfInit returns the cgroup of pid 1 by controller list; the empty list
// is version 2. It is empty if /proc does not say.
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

// mountedHierarchy looks at what is mounted. It serves machines without
// systemd, and containers whose pid 1 shows the root of its cgroup namespace.
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

// CgroupRoot returns where a hierarchy is mounted, ErrNoHierarchy if it is not.
func CgroupRoot(h Hierarchy) (string, error) {
	if !hostroot.Apart() {
		return running().cgroupRoot(h, "proc/self/mountinfo")
	}
	root, err := running().cgroupRoot(h, "proc/1/mountinfo")
	return hostroot.Path(root), err
}

func (x *examiner) cgroupRoot(h Hierarchy, mounts string) (string, error) {
	data, err := fs.ReadFile(x.root, mounts)
	if err != nil {
		return "", err
	}
	for _, m := range parseMountinfo(data) {
		if h == HierarchyUnified && m.fstype == "cgroup2" ||
			h == HierarchySystemd && m.fstype == "cgroup" && slices.Contains(m.options, "name=systemd") {
			return m.point, nil
		}
	}
	return "", ErrNoHierarchy
}

// mount is the needed part of a line of /proc/self/mountinfo.
type mount struct {
	point, fstype string
	options       []string // of the file system, not of the mount
}

func parseMountinfo(data []byte) []mount {
	var mounts []mount
	lines := bufio.NewScanner(bytes.NewReader(data))
	// A line of an overlay with many layers exceeds bufio's 64 KiB.
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
