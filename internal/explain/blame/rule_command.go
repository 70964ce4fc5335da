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
	if slices.ContainsFunc(f.requests, func(e request.Effect) bool { return e.Method == "StartTransientUnit" && e.Sign.Shows() }) {
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
