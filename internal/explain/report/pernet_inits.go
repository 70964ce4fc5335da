package report

import (
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// maxPernetInits bounds the groups of loadings that are kept; what goes beyond is
// counted.
const maxPernetInits = 1 << 10

// PernetInits is what one root cause had done to the namespaces that there were by
// loading one module.
type PernetInits struct {
	// Subsystem is the module's name.
	Subsystem string
	// Cause says where it began, as of a creation; Creator is the unit in which
	// the module was loaded. Nothing else in it is filled.
	Cause *Cause
	// Count counts the passes over the namespaces, Failed those that failed.
	Count, Failed uint64
	// Namespaces sums up how many were initialised, Sum what that took in
	// nanoseconds.
	Namespaces, Sum uint64
}

// load takes what the loading of a module did.
func (c *Collector) load(l *finding.PernetInit) {
	if !l.Selected {
		return
	}
	cause, parts := identify(l.Attribution)
	key := parts.key()
	key = digestOf([]string{l.Init.Subsystem, string(key[:])})
	if brief, isCut := lineage.Brief(cause.Command); isCut {
		cause.Command, cause.CommandTruncated = brief, true
	}
	i, known := c.pernetInits[key]
	if !known && len(c.pernetInits) == maxPernetInits/int(c.share) {
		c.report.PernetInitsUngrouped++
		return
	}
	if !known {
		i = len(c.report.PernetInits)
		c.pernetInits[key] = i
		c.report.PernetInits = append(c.report.PernetInits, PernetInits{Subsystem: l.Init.Subsystem, Cause: &cause})
	}
	g := &c.report.PernetInits[i]
	g.Count++
	if l.Init.Errno != 0 {
		g.Failed++
	}
	g.Namespaces += uint64(l.Init.Namespaces)
	g.Sum += l.Init.DurationNS
}
