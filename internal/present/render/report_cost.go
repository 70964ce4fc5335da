package render

import (
	"fmt"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// costListing ranks what all creations are made of; nil if that was not asked
// for.
func costListing(r *report.Report) *listing {
	switch {
	case !r.Costed:
		return nil
	case r.Costs == nil:
		return &listing{title: phrase{words("What creations are made of was not measured")}}
	}
	c := r.Costs
	return &listing{
		title: phrase{words("What %s of %d measured, %s in all, are made of", counted(c.Measured, "creation"), r.Selected, lasting(c.Sum))},
		items: costPhrases(c, maxReportCosts),
	}
}

// costPhrases are the subsystems that took the most, so many at most, and the
// rest.
func costPhrases(c *report.Costs, most int) []phrase {
	var out []phrase
	rest := c.Unlisted
	for i := range c.Ops {
		op := &c.Ops[i]
		if i >= most {
			rest += op.Sum
			continue
		}
		out = append(out, phrase{
			words("%s (%s) in ", durationText(op.Sum), share(op.Sum, c.Sum)), value(opText(&op.Op)),
			words(": each %s", quantilesText(&op.Quantiles, durationText)),
		})
	}
	if rest > 0 {
		out = append(out, phrase{words("%s (%s) in others", durationText(rest), share(rest, c.Sum))})
	}
	if c.Lock.N > 0 {
		out = append(out, phrase{
			words("%s (%s) waiting for the lock of all creations: each %s", durationText(c.LockSum), share(c.LockSum, c.Sum), quantilesText(&c.Lock, durationText)),
		})
	}
	return append(out, phrase{words("%s (%s) in other work", durationText(c.Other), share(c.Other, c.Sum))})
}

// share is a part in percent.
func share(part, whole uint64) string {
	if whole == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}
