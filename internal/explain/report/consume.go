package report

import "github.com/nsblame/nsblame/internal/explain/finding"

// Consume takes the next finding of a run.
func (c *Collector) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		c.observe(f.Event)
	case *finding.Created:
		c.add(f)
	case *finding.NetnsFor:
		c.becameKnown(f)
	case *finding.Joined:
		c.joined(f)
	case *finding.PernetInit:
		c.load(f)
	case *finding.BusCut:
		c.report.Gaps.BusCut += f.Count
	case *finding.Summary:
		c.report.Gaps.BusCut = f.BusCut
	}
	return nil
}
