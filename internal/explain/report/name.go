package report

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

func equal(a, b []string) bool { return slices.Equal(a, b) }

var (
	// The names that systemd-run gives to what was not named
	// (src/run/run.c, make_unit_name): by the number of its connection to the
	// bus, at random, by its pid and the pidfd's inode.
	transientName = regexp.MustCompile(`^(run-)(?:u[0-9]+|r[0-9a-f]{32}|p[0-9]+-i[0-9]+|[0-9]+)(\.[a-z]+)$`)
	// A scope of an application that a desktop has started ends in a number
	// that was never used before.
	desktopName = regexp.MustCompile(`^(app-.+-)[0-9]+(\.scope)$`)
	uuidInName  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// stable is a unit's name with a "*" for the parts that are made up anew for
// each run: numbers of connections, of sessions and of transient units, and
// the ids of containers. Other instances of a template stay apart: somebody
// has named them.
func stable(name string, p *cgroup.Placement) string {
	for _, c := range []*cgroup.Container{p.Container, p.Outer, p.Monitor} {
		if c != nil && isID(c.ID) {
			name = strings.ReplaceAll(name, c.ID, "*")
		}
	}
	if _, accepted := unit.AcceptedFrom(name); accepted {
		template, _, _ := strings.Cut(name, "@")
		return template + "@*.service"
	}
	kind := path.Ext(name)
	if p.Session != "" && name == "session-"+p.Session+".scope" {
		return "session-*.scope"
	}
	if m := transientName.FindStringSubmatch(name); m != nil {
		return m[1] + "*" + m[2]
	}
	if kind != ".scope" {
		return name
	}
	if p.Manager == event.ManagerUser {
		if m := desktopName.FindStringSubmatch(name); m != nil {
			return m[1] + "*" + m[2]
		}
	}
	return uuidInName.ReplaceAllString(name, "*")
}

// isID reports whether a container's id is one that a runtime has made up, and
// not a name that somebody has given.
func isID(id string) bool {
	if len(id) != 64 {
		return false
	}
	return strings.Trim(id, "0123456789abcdef") == ""
}

// unitRef names the unit of a placement.
func unitRef(p *cgroup.Placement) UnitRef {
	name := stable(p.Unit, p)
	return UnitRef{
		Unit: name, Pattern: name != p.Unit,
		Manager: p.Manager, OwnerUID: p.OwnerUID, HasOwner: p.HasOwner && p.Manager == event.ManagerUser,
	}
}

// linkRef names the unit that a link is about. place is that of the creator.
func linkRef(l *finding.Link, place *cgroup.Placement) UnitRef {
	name := stable(l.Unit, place)
	return UnitRef{
		Unit: name, Pattern: name != l.Unit,
		Manager: cmp.Or(l.Manager, event.ManagerSystem), OwnerUID: l.OwnerUID, HasOwner: l.Manager == event.ManagerUser,
	}
}

// command is a process's command line without the numbers that only this run of
// it has: arguments that are the pid of the process or of one of its ancestors,
// but pid 1, and the id of its container.
func command(p *lineage.Process, ancestry []lineage.Process, place *cgroup.Placement) []string {
	pids := map[string]bool{pidText(p.ID): true}
	for i := range ancestry {
		if id := ancestry[i].ID; id.PID != 1 {
			pids[pidText(id)] = true
		}
	}
	out := slices.Clone(p.Argv)
	for i := range out {
		if i > 0 && pids[out[i]] {
			out[i] = "<pid>"
		}
		if c := place.Container; c != nil && isID(c.ID) {
			out[i] = strings.ReplaceAll(out[i], c.ID, "<id>")
		}
	}
	return out
}

func pidText(id event.ProcessID) string { return strconv.FormatUint(uint64(id.PID), 10) }

// machines reports whether the unit is one of the system's manager. A user's of the
// same name is another one.
func (u *UnitRef) machines() bool { return u.Unit != "" && u.Manager != event.ManagerUser }

// bare is the unit by its name and its manager alone.
func (u UnitRef) bare() UnitRef {
	if !u.HasOwner {
		u.OwnerUID = 0 // the user whose session it is
	}
	return u
}
