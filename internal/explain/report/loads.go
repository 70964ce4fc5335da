package report

import (
	"fmt"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// maxLoads bounds the groups of loadings that are kept; what goes beyond is
// counted.
const maxLoads = 1 << 10

// Loaded is what one root cause had done to the namespaces that there were by
// loading one module.
type Loaded struct {
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
	cause, key, _ := identify(l.Attribution)
	key = fmt.Sprintf("%q %s", l.Init.Subsystem, key)
	i, known := c.loads[key]
	if !known && len(c.loads) == maxLoads {
		c.report.LoadsUngrouped++
		return
	}
	if !known {
		i = len(c.report.Loads)
		c.loads[key] = i
		c.report.Loads = append(c.report.Loads, Loaded{Subsystem: l.Init.Subsystem, Cause: &cause})
	}
	g := &c.report.Loads[i]
	g.Count++
	if l.Init.Errno != 0 {
		g.Failed++
	}
	g.Namespaces += uint64(l.Init.Namespaces)
	g.Sum += l.Init.DurationNS
}
