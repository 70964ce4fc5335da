package unit

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
)

// maxTriggerDelayUS is how long after its trigger a run that is over may have
// begun for the two to be taken together.
const maxTriggerDelayUS = 1_000_000

// StartedBy tells whether the unit's run was started by that timer, socket or
// path unit, and how that is known. It returns "" where that can't be shown,
// which doesn't mean that it wasn't.
//
// A trigger notes the time when it asks for the unit to be started, which is
// before the run begins; when it only follows a unit that something else
// started, it does so after (src/core/timer.c, timer_enter_running;
// src/core/socket.c, socket_enter_running and socket_trigger_notify;
// src/core/path.c likewise). So if nothing but the trigger happened between the
// end of the run before and the beginning of this one, it was the trigger:
// evidence.Manager. After the run the end of the one before is no longer known;
// a timer that elapsed right before the run is then evidence.Inferred.
//
// Both units must have been asked about after the run began.
func StartedBy(run, trigger *event.UnitState) evidence.Evidence {
	if run.InactiveExitUS == 0 || run.NRestarts > 0 || !slices.Contains(run.TriggeredBy, trigger.Name) {
		return ""
	}
	if path.Ext(trigger.Name) == ".socket" {
		if _, ok := AcceptedFrom(run.Name); ok && instanceOf(run.Name, trigger.Name) {
			return evidence.Manager
		}
	}
	at := TriggeredAtUS(trigger)
	switch {
	case at == 0 || at > run.InactiveExitUS:
		return ""
	case run.Running() && at >= run.InactiveEnterUS:
		return evidence.Manager
	case !run.Running() && run.InactiveExitUS-at <= maxTriggerDelayUS:
		return evidence.Inferred
	}
	return ""
}

// TriggeredAtUS is when the trigger last acted, 0 if that isn't known.
func TriggeredAtUS(trigger *event.UnitState) uint64 {
	if path.Ext(trigger.Name) == ".timer" {
		return trigger.LastTriggerUS
	}
	if trigger.SubState == "running" {
		return trigger.StateChangeUS
	}
	return 0
}

// instanceOf reports whether the service is an instance of the template that
// goes with the socket: foo@3-1-0.service and foo.socket.
func instanceOf(service, socket string) bool {
	prefix, _, ok := strings.Cut(service, "@")
	return ok && prefix+".socket" == socket
}

// Accepted is the connection for which a socket unit with Accept=yes started
// an instance of a service.
type Accepted struct {
	// Number counts the socket unit's connections, from 0.
	Number uint64
	// PID is the process that connected to a unix socket, 0 for other sockets
	// and where it isn't visible to systemd (another pid namespace).
	PID uint32
	// UID is that process's effective user id, if PID is set.
	UID uint32
	// Remote is the peer's address and port for other sockets.
	Remote string
}

// AcceptedFrom reads the connection out of the name of the service instance,
// which systemd forms from it (src/core/socket.c, instance_from_socket):
// number-PID-UID for unix sockets, PID_PIDFDID from systemd 257 on,
// number-local:port-remote:port for others, and in the newest versions the
// socket's cookie after the number. Any unit may be given such a name by hand;
// StartedBy also asks for the socket.
func AcceptedFrom(service string) (Accepted, bool) {
	_, instance, ok := strings.Cut(strings.TrimSuffix(service, ".service"), "@")
	if !ok {
		return Accepted{}, false
	}
	parts := strings.Split(instance, "-")
	number, err := strconv.ParseUint(parts[0], 10, 64)
	if err != nil {
		return Accepted{}, false
	}
	a := Accepted{Number: number}
	if len(parts) == 4 { // with a cookie
		parts = parts[1:]
	}
	switch {
	case len(parts) <= 3 && parts[len(parts)-1] == "unknown":
		return a, true
	case len(parts) != 3:
		return Accepted{}, false
	case strings.Contains(parts[2], ":"):
		a.Remote = parts[2]
		return a, true
	}
	pidText, _, _ := strings.Cut(parts[1], "_")
	pid, err1 := strconv.ParseUint(pidText, 10, 32)
	uid, err2 := strconv.ParseUint(parts[2], 10, 32)
	a.PID, a.UID = uint32(pid), uint32(uid)
	return a, err1 == nil && err2 == nil
}
