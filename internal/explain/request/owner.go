package request

import (
	"path"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Owner tells service managers apart, and with them their buses and units.
type Owner struct {
	Manager event.Manager
	// UID is the user whose manager it is, with ManagerUser.
	UID uint32
}

// share is whose room a manager's jobs take: those of users' managers take none of the
// system's.
func (o Owner) share() event.Owner {
	if o.Manager == event.ManagerSystem {
		return event.Owner{}
	}
	return event.Owner{UID: o.UID, PIDNamespace: 1} // root's own is not the system's
}

// IsManager reports whether a process is that manager: pid 1, or the systemd in
// the init.scope of a user's.
func IsManager(p *lineage.Process, own Owner) bool {
	if own.Manager == event.ManagerSystem {
		return p.ID.PID == 1
	}
	pl := finding.Place(p)
	return pl.Unit == "init.scope" && pl.Manager == event.ManagerUser && pl.HasOwner && pl.OwnerUID == own.UID
}

// busUnits are the services of buses, the same for the system and for users.
var busUnits = []string{"dbus.service", "dbus-broker.service"}

// inBusUnit reports whether a process is part of a bus's own service. The name of
// its program alone proves nothing: anybody can choose it.
func inBusUnit(p *lineage.Process) bool { return slices.Contains(busUnits, finding.Place(p).Unit) }

// isBusOf reports whether a process is a bus that opened its socket itself.
func isBusOf(p *lineage.Process, own Owner) bool {
	pl := finding.Place(p)
	return inBusUnit(p) && pl.Manager == own.Manager && (own.Manager == event.ManagerSystem || pl.OwnerUID == own.UID)
}

// isLauncher reports whether a process is the launcher of a manager's dbus-broker,
// which alone carries out activations there. A user's own is none of the system's.
func isLauncher(p *lineage.Process, own Owner) bool {
	return path.Base(p.Exe) == launcher && isBusOf(p, own)
}

// launcher is the program of dbus-broker that starts services.
const launcher = "dbus-broker-launch"

// IsBusDaemon reports whether a process is a bus. What a bus starts without a
// service manager, it starts for somebody else.
func IsBusDaemon(p *lineage.Process) bool {
	program := path.Base(p.Exe)
	return (program == "dbus-daemon" || program == launcher) && inBusUnit(p)
}

// IsUnitlessBus reports whether a process is a bus where there are no units. A
// program that only has the name makes a culprit unknown, never a wrong one.
func IsUnitlessBus(p lineage.Process) bool {
	return path.Base(p.Exe) == "dbus-daemon" && finding.Place(&p).Unit == ""
}
