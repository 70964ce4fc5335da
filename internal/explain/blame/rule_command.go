package blame

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// A process in a service is the origin of what it does, unless the service ran only
// to do that. systemd forks the first process (src/core/service.c,
// service_enter_start). For a simple service the start is done with that, for a
// oneshot when the process has ended. A service of type notify, dbus or forking is
// starting until it says that it is up, or its first process has ended.

// ranForIt tells whether a unit's run was there only to do what one of its processes
// did. So it is for a oneshot or transient service, and for what a timer, a path or
// an accepted connection started. So it is for a service that is still starting, and
// for a main process right after an automatic restart. What a long-running daemon
// does later is its own doing.
func (s *solver) ranForIt(f *facts, p event.ProcessID) verdict {
	if s.isLongUp(f) {
		return no
	}
	if slices.ContainsFunc(f.requests, func(e request.Effect) bool { return e.Method == startTransient && e.Sign.Shows() }) {
		return yes
	}
	if !f.known {
		return no
	}
	if f.state.Transient || f.state.Type == "oneshot" || f.inCrashLoop(p) {
		return yes
	}
	starting := s.starting(f)
	if starting == yes {
		return yes
	}
	name, _, _, triggered := s.trigger(f)
	switch {
	case starting == blocked || triggered == blocked:
		return blocked
	case triggered == yes && (path.Ext(name) != ".socket" || strings.Contains(f.unit, "@")):
		return yes
	}
	return no
}

// minOwnNS is how long after its start a service that somebody asked for does what it does
// of its own accord.
const minOwnNS = 60e9

// isLongUp reports whether a transient service, or one that a call to a bus name started,
// has run for so long that what it does now is its own doing. It does nothing while the machine
// is suspended.
func (s *solver) isLongUp(f *facts) bool {
	isAskedFor := f.known && (f.state.Transient || f.state.BusName != "" && f.state.Type != "oneshot") ||
		slices.ContainsFunc(f.requests, func(e request.Effect) bool { return e.Method == startTransient })
	began := f.first.StartNS
	if began == 0 && f.window.exact {
		began = f.window.until
	}
	return isAskedFor && began != 0 && f.at > began+minOwnNS+s.requests.SuspendedBetween(began, f.at)
}

// startTransient is the method that makes a transient unit.
const startTransient = "StartTransientUnit"

// maxCrashNS is how soon after its start a service that is restarted again and
// again creates its namespace, if that is part of the loop. What a daemon does
// later is its own doing, however often it was restarted.
const maxCrashNS = 2e9

// inCrashLoop reports whether the main process of a service did it right after an
// automatic restart. That they belong together is shown by the time alone.
func (f *facts) inCrashLoop(p event.ProcessID) bool {
	return f.state.NRestarts > 0 && p == f.first && f.at-p.StartNS <= maxCrashNS
}

// starting tells whether something was done before the service said that it is up:
// that is a part of its start. One that doesn't say so is up as soon as it is
// forked.
func (s *solver) starting(f *facts) verdict {
	switch f.state.Type {
	case "dbus", "notify", "notify-reload", "forking":
	default:
		return no
	}
	up := f.answer.sinceBoot(f.state.ActiveEnterUS)
	switch {
	case !f.window.exact:
		return no
	case up >= f.answer.begun():
		return yesIf(up > f.at)
	case !s.upToDate(f.question(), f.at):
		return blocked // it was not up when that was asked; since then it may be
	}
	// without an answer from after it, that it is still starting is not known
	return yesIf(f.answer.at >= f.at)
}

func yesIf(holds bool) verdict {
	if holds {
		return yes
	}
	return no
}
