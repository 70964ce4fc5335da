package blame

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// dockerd restarts a container that has ended by itself if its policy says so, after a
// while that grows up to a minute (moby, daemon/monitor.go, handleContainerExit, and
// restartmanager). When dockerd starts, it runs those containers whose policy says so
// before it serves its socket (daemon/daemon.go, restore).

// policies are the restart policies that have docker run a container by itself.
var policies = []string{"always", "unless-stopped", "on-failure"}

// maxBackoffNS is how long dockerd waits at most until it restarts a container, and how
// long that takes.
const maxBackoffNS = 75e9

// engineStarted recognises a container that the engine brought up when it started itself.
func engineStarted(s *solver, m *made) verdict {
	engine := s.engineProcess(m)
	c := s.container()
	if m.work.Engine != event.EngineDocker || engine.IsZero() || !slices.Contains(policies, c.RestartPolicy) {
		return no
	}
	if m.before != nil {
		if ended, _ := s.endOf(m.before); engine.StartNS < max(ended, m.before.at) {
			return no
		}
	}
	p, ancestry, cut := s.tree.Lineage(engine)
	a := actor{&p, ancestry, cut}
	r, inService := runOf(&p, ancestry, m.at)
	if !inService {
		if m.at > engine.StartNS+maxBackoffNS {
			return no
		}
		s.beganBy(evidence.Inferred, finding.EngineStart{Engine: m.work.Engine, Container: c})
		return s.command(a)
	}
	f, ok := s.facts(r)
	if !ok {
		return blocked
	}
	if v := s.starting(f); v != yes {
		return v
	}
	s.beganBy(evidence.Inferred, finding.EngineStart{Engine: m.work.Engine, Container: c})
	return s.cause(f)
}

// containerRestarted recognises a restart by docker's policy: the container ended, and
// nobody asked for it since.
func containerRestarted(s *solver, m *made) verdict {
	engine := s.engineProcess(m)
	if engine.IsZero() || !s.policyApplies(m) {
		return no
	}
	ended, _ := s.endOf(m.before)
	if why := s.requests.EngineMissed(engine, ended, m.at); !why.IsZero() {
		why.Container = s.shownName()
		return s.unknown(why)
	}
	if p := s.tree.Process(engine); servesNetwork(&p) {
		return s.unknown(finding.Reason{Code: finding.ReasonEngineNotHeard, Container: s.shownName(), Text: "the engine also listens on TCP"})
	}
	return s.restarted(m, m.trust(evidence.Inferred))
}

// policyApplies reports whether the policy of the container says that it is restarted after
// its last run, which has just ended.
func (s *solver) policyApplies(m *made) bool {
	if m.work.Engine != event.EngineDocker || m.before == nil {
		return false
	}
	ended, code := s.endOf(m.before)
	if ended == 0 || ended > m.at || ended+maxBackoffNS < m.at {
		return false
	}
	policy := s.container().RestartPolicy
	return slices.Contains(policies, policy) && (policy != "on-failure" || code == nil || *code != 0)
}

// mayBePolicy reports whether the policy of the container may have restarted it as well as
// a request that came just then. What is asked to restart does not end by itself.
func (s *solver) mayBePolicy(m *made, q *request.EngineAsk) bool {
	return q.Request.Call == event.EngineStart && s.policyApplies(m)
}

// servesNetwork reports whether dockerd was started to listen on TCP, where nobody hears
// what it is asked.
func servesNetwork(p *lineage.Process) bool {
	return slices.ContainsFunc(p.Argv, func(arg string) bool { return strings.Contains(arg, "tcp://") })
}
