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
	// A scope of an application that a desktop has started ends in a number or in an
	// id that was never used before. A service of one has such an id as its instance.
	desktopName = regexp.MustCompile(`^(app-.+[-@])(?:[0-9]+|[0-9a-f]{32})(\.scope|\.service)$`)
	// A scope that podman makes for itself ends in its pid, or in a random number.
	podmanName = regexp.MustCompile(`^(podman-)[0-9]+(\.scope)$`)
	pauseName  = regexp.MustCompile(`^(podman-pause-)[0-9a-f]{8}(\.scope)$`)
	// A bus names a service that it activates by the number of a connection, and
	// counts.
	activatedName = regexp.MustCompile(`^(dbus-:1\.)[0-9]+(-.+@)[0-9]+(\.service)$`)
	// A health check of podman runs in a unit of the container's id and a random
	// number (libpod/healthcheck_linux.go).
	healthName = regexp.MustCompile(`^[0-9a-f]{64}(-startup)?-[0-9a-f]{1,16}(\.[a-z]+)$`)
	// A mount of a container's files names the container. That of runc's own
	// executable ends at random.
	idInName   = regexp.MustCompile(`[0-9a-f]{64}`)
	runcName   = regexp.MustCompile(`-runc\.[A-Za-z0-9]{6}(\.mount)$`)
	uuidInName = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// stable is a unit's name with a "*" for the parts that are made up anew for
// each run: numbers of connections, of sessions and of transient units, and
// the ids of containers. Other instances of a template stay apart: somebody
// has named them.
func stable(name string, p *cgroup.Placement) string {
	for _, c := range []*cgroup.Container{p.Container, p.Outer, p.Monitor} {
		if c != nil && isMadeUp(c) {
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
	if strings.HasPrefix(name, "run-") {
		if m := transientName.FindStringSubmatch(name); m != nil {
			return m[1] + "*" + m[2]
		}
	}
	if len(name) > idLen && isID(name[:idLen]) {
		if m := healthName.FindStringSubmatch(name); m != nil {
			return "*" + m[1] + "-*" + m[2]
		}
	}
	if kind == ".mount" {
		return runcName.ReplaceAllString(idInName.ReplaceAllString(name, "*"), "-runc.*$1")
	}
	if p.Manager == event.ManagerUser {
		name = ofUsers(name)
	}
	if kind != ".scope" {
		return name
	}
	return uuidInName.ReplaceAllString(name, "*")
}

// ofUsers leaves out what is made up in the names of a user's units.
func ofUsers(name string) string {
	for _, pattern := range []*regexp.Regexp{desktopName, podmanName, pauseName} {
		if m := pattern.FindStringSubmatch(name); m != nil {
			return m[1] + "*" + m[2]
		}
	}
	return activatedName.ReplaceAllString(name, "$1*$2*$3")
}

// isMadeUp reports whether the id of a container is one that its runtime has made up.
func isMadeUp(c *cgroup.Container) bool { return isID(c.ID) || c.Runtime == cgroup.RuntimeBuildKit }

// idLen is how long an id is that a runtime has made up.
const idLen = 64

// isID reports whether a container's id is one that a runtime has made up, and
// not a name that somebody has given.
func isID(id string) bool {
	if len(id) != idLen {
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

// guestName is stable for the unit of the service manager in a container, empty where
// there is none.
func guestName(p *cgroup.Placement) string {
	i := strings.LastIndexByte(p.GuestUnit, '/') + 1
	of, name := p.GuestUnit[:i], p.GuestUnit[i:]
	if name == "" {
		return ""
	}
	session, _ := strings.CutSuffix(strings.TrimPrefix(name, "session-"), ".scope")
	in := cgroup.Placement{Container: p.Container, Outer: p.Outer, Session: session}
	if of != "" {
		in.Manager = event.ManagerUser
	}
	return of + stable(name, &in)
}

// guestOf is the container in which a cause began with its manager. It tells causes
// apart if somebody has named it: those that a runtime names are one cause.
func guestOf(o *finding.Origin) string {
	if c := o.Placement.Container; o.Trigger == finding.TriggerGuest && c != nil && !isMadeUp(c) {
		return c.ContainerName()
	}
	return ""
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
	out := slices.Clone(p.Argv)
	for i := range out {
		if i > 0 && isPIDOf(out[i], p, ancestry) {
			out[i] = "<pid>"
		}
		if c := place.Container; c != nil && isMadeUp(c) {
			out[i] = strings.ReplaceAll(out[i], c.ID, "<id>")
		}
	}
	return out
}

// isPIDOf reports whether an argument is the pid of a process, or of an ancestor of its but
// pid 1.
func isPIDOf(arg string, p *lineage.Process, ancestry []lineage.Process) bool {
	if arg == "" || arg[0] < '0' || arg[0] > '9' {
		return false
	}
	n, err := strconv.ParseUint(arg, 10, 32)
	if err != nil || len(arg) > 1 && arg[0] == '0' {
		return false
	}
	pid := uint32(n)
	return p.ID.PID == pid || pid != 1 && slices.ContainsFunc(ancestry, func(a lineage.Process) bool { return a.ID.PID == pid })
}

// podKind is how a beneficiary begins that is a pod.
const podKind = "pod"

// hasBeneficiary reports whether it is known for whom a namespace was made.
func hasBeneficiary(f *finding.For) bool {
	return f != nil && (f.Container != nil || f.Pod != nil && (f.Pod.Name != "" || f.Pod.UID != ""))
}

// beneficiary names for whom a namespace was made, nil where that is not known.
func beneficiary(f *finding.For) []string {
	switch {
	case f == nil:
		return nil
	case f.Pod != nil && f.Pod.Name != "":
		return []string{podKind, f.Pod.Namespace + "/" + f.Pod.Name}
	case f.Pod != nil && f.Pod.UID != "":
		return []string{podKind, f.Pod.UID}
	case f.Container != nil:
		return []string{"container", cmp.Or(f.Container.Name, f.Container.ID)}
	}
	return nil
}

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

// text is a unit as a text that no other unit has.
func (u UnitRef) text() string {
	return u.Unit + "\x00" + strconv.FormatBool(u.Pattern) + string(u.Manager) + "\x00" + strconv.FormatUint(uint64(u.OwnerUID), 10) + strconv.FormatBool(u.HasOwner)
}
