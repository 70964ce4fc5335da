package blame

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// BuildKit runs each step of a build in a container whose id it makes up, so no request
// names it. One step can serve two builds. The classic builder's containers are dockerd's
// own, likewise.

// stepOfBuild blames the only build that was under way.
func stepOfBuild(s *solver, m *made) verdict {
	if !m.work.Build {
		return no
	}
	return s.built(m, s.requests.Builds(s.engineProcess(m), m.at))
}

// builtClassically blames the only build for a container of docker's that nobody asked for
// by name, and that never ran before.
func builtClassically(s *solver, m *made) verdict {
	if m.work.ID == "" || m.before != nil {
		return no
	}
	engine := s.engineProcess(m)
	list := s.requests.Builds(engine, m.at)
	if len(list) == 0 || !s.requests.EngineMissed(engine, list[0].At, m.at).IsZero() {
		return no
	}
	return s.built(m, list)
}

func (s *solver) built(m *made, list []request.EngineAsk) verdict {
	if len(list) == 0 {
		return no
	}
	if names := builders(list); len(names) > 1 {
		return s.unknown(finding.Reason{Code: finding.ReasonSeveralBuilds, Container: s.shownName(), Text: strings.Join(names, ", ")})
	}
	q := list[0]
	q.Evidence = evidence.Weaker(q.Evidence, evidence.Inferred)
	return s.askedEngine(m, &q, finding.EngineRequest{Engine: q.Request.Engine, Call: q.Request.Call, Container: m.work.ID})
}

// maxBuilders bounds the builds that are named.
const maxBuilders = 8

// builders names the processes that are building something.
func builders(list []request.EngineAsk) []string {
	var names []string
	seen := make(map[uint32]bool)
	for _, q := range list {
		pid := q.Request.Sender.PID
		if seen[pid] || len(names) == maxBuilders {
			continue
		}
		seen[pid] = true
		name := "a process"
		if q.Known && len(q.Caller.Process.Argv) > 0 {
			name = strings.Join(q.Caller.Process.Argv, " ")
		}
		names = append(names, fmt.Sprintf("%s (pid %d)", name, pid))
	}
	return names
}
