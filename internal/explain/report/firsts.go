package report

import (
	"encoding/json"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// maxTold is how many causes are remembered as told of. One that was forgotten comes
// up again.
const maxTold = 256

// Firsts tells what ends a cause when it is met for the first time, where nobody waits for
// a report.
type Firsts struct {
	// missed has the gaps of the stream, and no creations.
	missed *Collector
	told   *bounded.Map[digest, bool]
}

// NewFirsts returns one that has met no cause.
func NewFirsts() *Firsts {
	return &Firsts{missed: NewCollector(), told: bounded.NewMap[digest, bool](maxTold)}
}

// Observe takes the next event: what was missed decides what is advised.
func (f *Firsts) Observe(ev event.Event) {
	switch ev.Body.(type) {
	case *event.Loss, *event.Coverage:
		f.missed.observe(ev)
	}
}

// Of is what to try first against the cause of a creation. It is nil if it has said so
// already, of this cause or of one that differs in the arguments of a command only.
func (f *Firsts) Of(k *finding.Attribution) *Remedy {
	_, parts := identify(k)
	if !f.first(parts.key()) {
		return nil
	}
	c := NewCollector()
	c.report.Gaps = f.missed.report.Gaps.clone()
	c.add(&finding.Created{Attribution: k, Selected: true})
	causes := c.Report().Causes
	if len(causes) == 0 || len(causes[0].Remedies) == 0 {
		return nil
	}
	m := causes[0].Helps()
	text, err := json.Marshal(m)
	like := parts.like()
	if err == nil && !f.first(digestOf([]string{string(like[:]), string(text)})) {
		return nil
	}
	return m
}

// first reports whether a key was not met before.
func (f *Firsts) first(key digest) bool {
	_, met := f.told.Get(key)
	f.told.Put(key, true)
	return !met
}
