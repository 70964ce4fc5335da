package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// podman, lxc-start and systemd-nspawn make a container themselves. So whoever runs them
// has asked for it, and the chain goes on from there.
//
// When a container of podman ends, its conmon runs "podman container cleanup", and that
// begins it anew if its restart policy says so (libpod, container_internal.go,
// handleRestartPolicy).

// podmanRestarted recognises a restart by podman's policy, by what runs it.
func podmanRestarted(s *solver, m *made) verdict {
	if !m.work.Cleanup {
		return no
	}
	return s.restarted(m, m.trust(evidence.Kernel))
}

// restarted ends the chain with the restart of a container by its policy.
func (s *solver) restarted(m *made, ev evidence.Evidence) verdict {
	c := s.container()
	how := finding.ContainerRestart{Container: c}
	if m.before != nil {
		_, how.Ended = s.endOf(m.before)
	}
	s.beganBy(ev, how)
	s.origin(finding.Origin{Trigger: finding.TriggerRestart, Container: &c})
	return yes
}

// ranByCommand goes on from a command that made the container itself.
func ranByCommand(s *solver, m *made) verdict {
	w := m.work
	if !w.Command || w.Head == nil {
		return no
	}
	a := headOf(w)
	if w.Runtime == cgroup.RuntimeLXC && finding.Place(a.process).Unit == "" {
		if v := s.unitOfLXC(m, a); v != no {
			return v
		}
	}
	return s.commandOf(m, a)
}

// commandOf goes on from a command that made a container. Where it is what a unit runs, it
// did so because the unit was started.
func (s *solver) commandOf(m *made, a actor) verdict {
	r, inService := runOf(a.process, a.ancestry, m.at)
	if !inService || r.first != a.process.ID || m.at > a.process.ID.StartNS+minOwnNS {
		return s.process(a, m.at)
	}
	f, ok := s.facts(r)
	switch {
	case !ok:
		return blocked
	case !f.known:
		return s.inService(f, a)
	}
	return s.cause(f)
}

// unitOfLXC goes on from the unit of a container of LXC (lxc@NAME.service). Its monitor
// has moved to a cgroup of its own (lxc.monitor.NAME), so the manager tells whose main
// process it is.
func (s *solver) unitOfLXC(m *made, a actor) verdict {
	if m.work.ID == "" || len(a.ancestry) == 0 || a.ancestry[0].ID.PID != 1 {
		return no
	}
	r := run{
		unitKey: unitKey{request.Owner{Manager: event.ManagerSystem}, "lxc@" + m.work.ID + ".service"}, first: a.process.ID, at: m.at,
	}
	f, ok := s.facts(r)
	switch {
	case !ok:
		return blocked
	case !f.known || f.state.MainPID != a.process.ID.PID:
		return no
	}
	return s.cause(f)
}
