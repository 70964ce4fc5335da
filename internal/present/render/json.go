package render

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

type jsonPrinter struct {
	w     io.Writer
	clock clock
	enc   encoder
	stamp stamp
}

// NewJSON returns a consumer that writes each finding as one line of JSON to w,
// the summary included. It is for one goroutine.
func NewJSON(w io.Writer) finding.Consumer {
	return &jsonPrinter{w: w, enc: encoder{written: &writtenProcesses{}}}
}

// Consume writes a finding.
func (p *jsonPrinter) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		p.clock.observe(f.Event)
	case *finding.Created:
		if f.Selected {
			return p.created(f.Attribution)
		}
	case *finding.NetnsFor:
		return p.becameKnown(f)
	case *finding.Joined:
		return p.joined(f)
	case *finding.Ended:
		return p.ended(f)
	case *finding.PernetInit:
		if f.Selected {
			return p.pernetInit(f)
		}
	case *finding.Lost:
		return p.lost(f)
	case *finding.Covered:
		return p.covered(f)
	case *finding.Damaged:
		return p.damaged(f)
	case *finding.Summary:
		return p.summary(f)
	}
	return nil
}

func (p *jsonPrinter) created(c *finding.Attribution) error {
	p.begin("netns_create")
	p.creation(c)
	return p.end()
}

func (p *jsonPrinter) lost(l *finding.Lost) error {
	e := p.begin("loss")
	p.time(l.BootNS)
	e.str("kind", string(l.Kind))
	e.uint("count", l.Count)
	if !l.Owner.IsZero() {
		e.key("owner")
		e.open('{')
		e.uint("uid", uint64(l.Owner.UID))
		e.uint("pid_namespace", uint64(l.Owner.PIDNamespace))
		e.close('}')
	}
	return p.end()
}

func (p *jsonPrinter) covered(c *finding.Covered) error {
	e := p.begin("coverage")
	p.time(c.BootNS)
	e.str("probe", string(c.Probe))
	if c.Subsystem != "" {
		e.str("subsystem", c.Subsystem)
	}
	e.flag("changed", c.Changed)
	e.bool("live", c.Live)
	e.str("attach_method", c.AttachMethod)
	e.str("why", c.Why)
	return p.end()
}

func (p *jsonPrinter) damaged(d *finding.Damaged) error {
	e := p.begin("damage")
	p.time(d.BootNS)
	e.uint("offset", d.Offset)
	e.uint("bytes", d.Bytes)
	e.uint("blocks", d.Blocks)
	e.bool("truncated", d.Truncated)
	e.str("why", damageText(d.Damage))
	if d.Code != "" {
		e.str("why_code", string(d.Code))
	}
	return p.end()
}

func (p *jsonPrinter) summary(s *finding.Summary) error {
	e := p.begin("summary")
	e.uint("seen", s.Seen)
	e.uint("printed", s.Printed)
	for _, bound := range []struct {
		name string
		at   time.Time
	}{{"since", s.Within.Since}, {"until", s.Within.Until}} {
		if !bound.at.IsZero() {
			e.str(bound.name, bound.at.In(p.clock.location()).Format(findings.TimeLayout))
		}
	}
	aliveFields(e, &s.Life)
	e.uint("lost", s.LostTotal())
	e.uint("cut", s.Cut)
	e.uint("bus_cut", s.BusCut)
	if n := s.Life.Unreported; n > 0 {
		e.uint("joins_unreported", n)
	}
	if s.Damages > 0 {
		e.uint("damages", s.Damages)
		e.uint("damaged_blocks", s.DamagedBlocks)
		e.uint("damaged_bytes", s.DamagedBytes)
	}
	if s.Redacted != "" {
		e.str("redacted", s.Redacted)
	}
	lostField(e, s.Lost)
	return p.end()
}

// aliveFields writes how many namespaces have not ended, null if that is not seen.
func aliveFields(e *encoder, c *finding.Counts) {
	if !c.Known {
		e.null("alive")
		e.null("releasing")
		return
	}
	e.uint("alive", c.Alive)
	e.uint("releasing", c.Releasing)
}

// lostField writes the losses. Their kinds come out of a recording, and may be any
// bytes.
func lostField(e *encoder, lost map[event.LossKind]uint64) {
	e.key("lost_by_kind")
	e.open('{')
	for _, kind := range slices.Sorted(maps.Keys(lost)) {
		e.comma()
		e.text(string(kind))
		e.b = append(e.b, ':')
		e.number(lost[kind])
	}
	e.close('}')
}

// begin starts a line of the given type.
func (p *jsonPrinter) begin(kind string) *encoder {
	e := &p.enc
	e.b = e.b[:0]
	e.open('{')
	e.uint("schema", findings.Schema)
	e.key("type")
	e.text(kind)
	return e
}

// end closes the line and writes it.
func (p *jsonPrinter) end() error {
	p.enc.b = append(p.enc.b, '}', '\n')
	if _, err := p.w.Write(p.enc.b); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// time writes both times; that of the day is null until a Host event tells it.
func (p *jsonPrinter) time(bootNS uint64) {
	e := &p.enc
	if t, ok := p.clock.wall(bootNS); ok {
		e.key("time")
		e.b = append(p.stamp.append(append(e.b, '"'), t), '"')
	} else {
		e.null("time")
	}
	e.uint("boot_ns", bootNS)
}

// stamp writes times of day. Most are of the same second as the one before, and differ
// in the nine digits behind the point.
type stamp struct {
	second int64
	zone   *time.Location
	text   []byte
	point  int // its place in text
}

func (s *stamp) append(dst []byte, t time.Time) []byte {
	if second := t.Unix(); s.text == nil || second != s.second || t.Location() != s.zone {
		s.second, s.zone = second, t.Location()
		s.text = t.Truncate(time.Second).AppendFormat(s.text[:0], findings.TimeLayout)
		s.point = bytes.IndexByte(s.text, '.')
	}
	from := len(dst) + s.point
	dst = append(dst, s.text...)
	for i, ns := 9, t.Nanosecond(); ns > 0; i, ns = i-1, ns/10 {
		dst[from+i] = byte('0' + ns%10)
	}
	return dst
}
