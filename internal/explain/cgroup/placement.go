package cgroup

import (
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// Placement is what a cgroup's path says about the processes in it. What the
// path doesn't say is zero.
type Placement struct {
	// Unit is the innermost unit of the host's managers ("cron.service",
	// "getty@tty1.service", "session-3.scope", "init.scope"), with systemd's
	// cgroup escaping taken off and the escapes that belong to the name
	// ("\x2d") left in. A slice is not a Unit: see Slice. Units of a systemd
	// that runs within a container, or below a delegated unit, are not the
	// host's: see GuestUnit.
	Unit string
	// Manager is whose unit it is, empty without one.
	Manager event.Manager
	// Slice is the innermost slice that Unit is in, in the terms of Manager;
	// "-.slice" if it is in none. Without a Unit it is that of the cgroup.
	Slice string
	// SystemUnit is the unit of the system's manager: Unit itself, or for a
	// user's unit the user@UID.service above it.
	SystemUnit string
	// Delegated is set if Unit is in no manager's directory, but in one that was given
	// to the user with OwnerUID. It counts as a unit of his own manager.
	Delegated bool
	// Session is the login session's id: "3" for session-3.scope.
	Session string
	// OwnerUID is the user whose slice or manager this is, where HasOwner.
	OwnerUID uint32
	// HasOwner tells whether OwnerUID is known.
	HasOwner bool
	// Container is the innermost container, nil if the path shows none.
	Container *Container
	// Outer is the outermost container where containers are nested, otherwise
	// nil. That cgroup's name was chosen on the host; those below it may have
	// been chosen from inside.
	Outer *Container
	// Monitor is the container that the processes of this cgroup look after
	// from outside (conmon, lxc's monitor, nspawn's supervisor), nil for all
	// others. They are not in that container.
	Monitor *Container
	// GuestUnit is the unit of the service manager in Container, in the terms of
	// UnitNames: "nginx.service", "user@1000/app.service". It is the guest's word, and
	// empty where the path shows none.
	GuestUnit string
}

// Parse reads the path of a cgroup within its hierarchy, as of cgroup version
// 2 or of version 1's name=systemd: "/system.slice/cron.service". It takes any
// bytes. An empty path yields the zero Placement.
//
// It is for paths of which nothing more is known. Then names are somebody's claim only
// below a user's manager or session, and within a container.
func Parse(path string) Placement { return ParseDelegated(path, event.Delegation{}) }

// ParseDelegated is Parse where it is known which of the names are not the machine's.
func ParseDelegated(path string, d event.Delegation) Placement {
	if path == "" {
		return Placement{}
	}
	return recalled(path, d)
}

func parse(path string, d event.Delegation) Placement {
	p := parseUnits(path, d)
	w := containerWalk{}
	if d.Names > 0 {
		w.machine, w.delegated = machineNames(path, d), claimOf(d.UID)
	}
	p.addContainersOf(w, path)
	return p
}

// machineNames is how many names at the beginning of a path are the machine's.
func machineNames(path string, d event.Delegation) int { return max(0, components(path)-int(d.Names)) }

// components is how many names a path has.
func components(path string) int {
	n := 0
	for {
		var c string
		if c, path = cutComponent(path); c == "" {
			return n
		}
		n++
	}
}

// ParseTail reads a path of which leading parts are missing. Units are named
// from the front, so nothing is said of them; a container is, if its name
// alone tells. The first component is passed over, for it may be cut as well. What
// was cut may be a user's own manager, who can make a path that is too long. So
// whose names these are is not known.
func ParseTail(tail string) Placement {
	i := strings.IndexByte(tail, '/')
	if i < 0 {
		return Placement{}
	}
	var p Placement
	p.addContainersOf(containerWalk{midway: true, claim: Claim{Claimed: true}}, tail[i:])
	return p
}

// parseUnits fills in all that systemd's grammar gives.
func parseUnits(path string, d event.Delegation) Placement {
	slice, unit, component, rest := cutUnit(path)
	p := Placement{Slice: slice, Unit: unit, SystemUnit: unit}
	if unit == "" {
		p.OwnerUID, p.HasOwner = sliceOwner(slice)
		if components(component+rest) < int(d.Names) {
			p.OwnerUID, p.HasOwner = d.UID, true
		}
		return p
	}
	if components(rest) < int(d.Names) {
		// It is in a slice that was given to a user, who may call it what he likes. That
		// is no more than what his own manager says.
		p.Delegated, p.SystemUnit, p.Manager = true, "", event.ManagerUser
		p.OwnerUID, p.HasOwner = d.UID, true
		return p
	}
	p.Manager = event.ManagerSystem
	p.Session = sessionOf(unit)
	uid, hasUID, isManager := userManager(component)
	p.OwnerUID, p.HasOwner = uid, hasUID
	if !p.HasOwner {
		p.OwnerUID, p.HasOwner = sliceOwner(slice)
	}
	if !isManager && p.Session == "" {
		return p
	}
	// A manager's subtree holds units of its own; a session's did before
	// systemd 206, and systemd still reads it so.
	slice, unit, _, _ = cutUnit(rest)
	if unit != "" {
		p.Unit, p.Slice, p.Manager = unit, slice, event.ManagerUser
	}
	return p
}
