package model

import (
	"context"
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

// verdict is what a judge says of an answer.
type verdict int

const (
	// right: what is named is true.
	right verdict = iota
	// unknown: nothing is named.
	unknown
	// marked: what is named is not true, but a reason marks it as doubtful.
	marked
	// apart: it is not true, in a case that docs/concepts.md says is not told apart.
	apart
	// needless: something is doubted for a message that was lost or not read, but there is
	// none on the machine's buses.
	needless
	// unmarked: what is named is not true, and only inferred.
	unmarked
	// wrong: it is not true, with evidence kernel or manager.
	wrong
)

var verdictNames = map[verdict]string{
	right: "right", unknown: "unknown", marked: "marked", apart: "not told apart", needless: "needless doubt", unmarked: "unmarked", wrong: "wrong",
}

// judged is an answer with the truth.
type judged struct {
	verdict verdict
	truth   origin
	said    *finding.Attribution
	why     string // what is not true
}

// given is an answer to a creation. late is set if it rests on what the manager said when
// the run was over.
type given struct {
	*finding.Attribution
	late bool
}

// history is a plan that was carried out, with what nsblame made of it.
type history struct {
	*world
	given  []given
	judged []judged
	err    error
}

// carryOut runs a plan through nsblame's engine.
func carryOut(p *Plan, w *wire) *history {
	h := &history{world: newWorld(p, w)}
	_, h.err = engine.Run(context.Background(), h.world, engine.Options{Consumers: []finding.Consumer{h}})
	for _, a := range h.given { // all that happened is known by now
		made := *h.truth.creations[a.Creation.Netns.Serial]
		made.late = a.late
		j := judge(a.Attribution, h.truth.origin(&made))
		if !p.adverse() {
			j.notInVain()
		}
		h.judged = append(h.judged, j)
	}
	if n := uint64(len(h.judged)); h.err == nil && n != h.stream.serial {
		h.err = fmt.Errorf("%d of %d creations came out", n, h.stream.serial)
	}
	return h
}

// Consume implements finding.Consumer.
func (h *history) Consume(f finding.Finding) error {
	if c, ok := f.(*finding.Created); ok {
		h.given = append(h.given, given{c.Attribution, h.truth.creations[c.Netns.Serial].late})
	}
	return nil
}

// judge compares an answer with the truth.
func judge(said *finding.Attribution, o origin) judged {
	j := judged{said: said, truth: o}
	s := &said.Origin
	for _, l := range said.Links {
		if l.Kind == finding.KindAskedBy { // the first is what the truth keeps
			isFalse(o.asker == nil || l.Process.ID != o.asker.id, l.Evidence, s.Why, &j, "asked by somebody else")
			break
		}
	}
	if s.Trigger == finding.TriggerUnknown {
		j.verdict = max(j.verdict, unknown)
		return j
	}
	isFalse(!o.is(s), s.Evidence, s.Why, &j, "another origin")
	return j
}

// notInVain notes that an answer is doubted for what was lost, in a history where nothing
// was lost but on a user's own bus.
func (j *judged) notInVain() {
	code := j.said.Origin.Why.Code
	if (code == finding.ReasonMessagesLost || code == finding.ReasonUnreadableMessage) && needless > j.verdict {
		j.verdict, j.why = needless, "nothing was lost"
	}
}

// isFalse notes that something is not true, if it is not.
func isFalse(no bool, ev evidence.Evidence, why finding.Reason, j *judged, what string) {
	if !no {
		return
	}
	v := unmarked
	switch {
	case ev == evidence.Kernel || ev == evidence.Manager || ev == evidence.File:
		v = wrong
	case !why.IsZero():
		v = marked
	}
	if v > apart && j.truth.apart != "" {
		v = apart
	}
	if v > j.verdict {
		j.verdict, j.why = v, what
	}
}

// is reports whether the origin is what was said.
func (o origin) is(s *finding.Origin) bool {
	if string(s.Trigger) != o.trigger {
		return false
	}
	if o.trigger == "command" {
		return s.Process != nil && s.Process.ID == o.process.id
	}
	return s.Unit == o.unit
}

func (o origin) String() string {
	text := o.trigger
	if o.process != nil {
		text += fmt.Sprintf(" %s[%d]", o.process.comm, o.process.id.PID)
	}
	if o.unit != "" {
		text += " " + o.unit
	}
	if o.asker != nil {
		text += fmt.Sprintf(", asked by %s[%d]", o.asker.comm, o.asker.id.PID)
	}
	if o.doubt != "" {
		text += " (not to be known: " + o.doubt + ")"
	}
	return text
}

// String tells an answer beside the truth.
func (j judged) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n  truth: %s (%s)\n", verdictNames[j.verdict], j.why, j.truth, causeNames[j.truth.cause])
	s := &j.said.Origin
	fmt.Fprintf(&b, "  said:  %s", s.Trigger)
	if s.Process != nil {
		fmt.Fprintf(&b, " %s[%d]", s.Process.Comm, s.Process.ID.PID)
	}
	fmt.Fprintf(&b, " %s (%s) %s\n", s.Unit, s.Evidence, s.Why.Code)
	for _, l := range j.said.Links {
		fmt.Fprintf(&b, "    %s: %s %s", l.Kind, l.Code(), l.Unit)
		if l.Process != nil {
			fmt.Fprintf(&b, " %s[%d]", l.Process.Comm, l.Process.ID.PID)
		}
		fmt.Fprintf(&b, " (%s)\n", l.Evidence)
	}
	return b.String()
}
