package metrics

import (
	"slices"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// What can be cut.
const (
	cutCommand  = "command_line"
	cutExe      = "executable"
	cutCgroup   = "cgroup"
	cutAncestry = "ancestry"
	cutProcess  = "process"
	cutUnit     = "unit"
	cutBus      = "bus_message"
)

var cuts = []string{cutCommand, cutExe, cutCgroup, cutAncestry, cutProcess, cutUnit, cutBus}

// countCuts counts what of a creation was not recorded whole: each thing once.
func (m *Metrics) countCuts(k *finding.Attribution) {
	if !k.Cut() {
		return
	}
	list := append([]lineage.Process{k.Process}, k.Ancestry...)
	for _, p := range []*lineage.Process{k.Child, k.Process.Exec} {
		if p != nil {
			list = append(list, *p)
		}
	}
	for _, c := range []struct {
		what string
		is   func(*lineage.Process) bool
	}{
		{cutCommand, func(p *lineage.Process) bool { return p.ArgvTruncated || p.ArgvUnread }},
		{cutExe, func(p *lineage.Process) bool { return p.ExeTruncated }},
		{cutCgroup, func(p *lineage.Process) bool { return p.CgroupTruncated }},
		{cutProcess, func(p *lineage.Process) bool { return p.Unresolved }},
	} {
		if slices.ContainsFunc(list, func(p lineage.Process) bool { return c.is(&p) }) {
			m.cut.WithLabelValues(c.what).Inc()
		}
	}
	if k.AncestryTruncated {
		m.cut.WithLabelValues(cutAncestry).Inc()
	}
	if k.Unanswered.Cut {
		m.cut.WithLabelValues(cutUnit).Inc()
	}
}
