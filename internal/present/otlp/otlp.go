// Package otlp turns findings into log records of OpenTelemetry. docs/otlp.md lists the
// attributes: those of the semantic conventions where there are any.
package otlp

import (
	"encoding/hex"
	"fmt"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/render"
)

// The names of the events (event_name of a record).
const (
	EventCreate  = "nsblame.netns.create"
	EventFor     = "nsblame.netns.for"
	EventRelease = "nsblame.netns.release"
	EventProbe   = "nsblame.probe"
	EventLoss    = "nsblame.loss"
	EventDamage  = "nsblame.damage"
	EventSummary = "nsblame.summary"
	EventDropped = "nsblame.dropped"
)

// RunSize is how many bytes make the id of a run.
const RunSize = 12

// Consumer makes a record of each finding.
type Consumer struct {
	put   func(request []byte) error
	run   string
	n     uint64
	now   uint64
	clock render.Clock
	from  *resource.Resource
}

// New returns a consumer that gives each record to put, as an encoded
// ExportLogsServiceRequest that holds nothing else. Two of them in a row are the request
// for both. run makes the records' ids differ from those of other runs. The consumer is
// for one goroutine.
func New(put func(request []byte) error, run [RunSize]byte) *Consumer {
	return &Consumer{put: put, run: hex.EncodeToString(run[:]), from: resourceOf(&event.Host{})}
}

// Consume takes the next finding. It fails if put does.
func (c *Consumer) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		c.now = max(c.now, f.BootNS)
		_ = c.clock.Consume(f) // never fails
		if host, ok := f.Body.(*event.Host); ok {
			c.from = resourceOf(host)
		}
	case *finding.Created:
		if f.Selected {
			return c.created(f.Attribution)
		}
	case *finding.NetnsFor:
		return c.becameKnown(f)
	case *finding.Ended:
		return c.ended(f)
	case *finding.Covered:
		return c.covered(f)
	case *finding.Lost:
		r := c.record(EventLoss, f.BootNS, warn, render.LostPhrase(f, f.Count))
		r.text("nsblame.loss.kind", string(f.Kind))
		r.uint("nsblame.count", f.Count)
		return c.emit(r)
	case *finding.Damaged:
		r := c.record(EventDamage, f.BootNS, warn, render.DamagedPhrase(f))
		r.uint("nsblame.damage.bytes", f.Bytes)
		return c.emit(r)
	case *finding.Summary:
		return c.summary(f)
	}
	return nil
}

func (c *Consumer) created(k *finding.Attribution) error {
	severity := info
	if k.Netns.Errno != 0 {
		severity = warn
	}
	r := c.record(EventCreate, k.BootNS, severity, render.CreationPhrase(k))
	r.cause(k)
	r.netns(k)
	r.process("process.", k)
	r.text("nsblame.unit", unitName(&k.Placement))
	r.origin(&k.Origin)
	r.whom(k.For, &k.Placement)
	return c.emit(r)
}

func (c *Consumer) becameKnown(n *finding.NetnsFor) error {
	if n.Created == nil || n.For == nil || n.For.Pod == nil && n.For.Container == nil {
		return nil
	}
	r := c.record(EventFor, n.BootNS, info, render.ForPhrase(n))
	r.cause(n.Created)
	r.identity(n.Created.Netns.Inum, n.Created.Netns.Cookie)
	r.whom(n.For, &n.Created.Placement)
	return c.emit(r)
}

// ended makes a record of a release, not of the teardown that follows it.
func (c *Consumer) ended(e *finding.Ended) error {
	if e.Free != nil {
		return nil
	}
	text := fmt.Sprintf("Network namespace %d is gone", e.Inum())
	ns, known := e.Lifetime()
	if known {
		text += fmt.Sprintf(", %.3f s after it was created", float64(ns)/1e9)
	}
	r := c.record(EventRelease, e.BootNS, info, text)
	r.identity(e.Inum(), e.Cookie())
	if known {
		r.uint("nsblame.netns.lifetime_ns", ns)
	}
	return c.emit(r)
}

func (c *Consumer) covered(f *finding.Covered) error {
	if f.Live {
		return nil
	}
	r := c.record(EventProbe, f.BootNS, warn, render.Sentence("Probe "+string(f.Probe)+" is not attached: "+f.Why))
	r.text("nsblame.probe.name", string(f.Probe))
	return c.emit(r)
}

func (c *Consumer) summary(s *finding.Summary) error {
	r := c.record(EventSummary, c.now, info, render.SummaryPhrase(s))
	r.uint("nsblame.summary.seen", s.Seen)
	r.uint("nsblame.summary.printed", s.Printed)
	r.uint("nsblame.summary.lost", s.LostTotal())
	r.uint("nsblame.summary.cut", s.Cut)
	if s.Life.Known {
		r.uint("nsblame.summary.alive", s.Life.Alive)
	}
	return c.emit(r)
}

// Dropped is a record that says how many were not sent, because the collector was away
// for too long. It has no id, and the time in nanoseconds since the epoch that is given.
func Dropped(unixNS, count uint64) []byte {
	r := newRecord(EventDropped, warn, fmt.Sprintf("%d records were dropped: they did not fit while the collector was away", count))
	r.log.TimeUnixNano, r.log.ObservedTimeUnixNano = unixNS, unixNS
	r.uint("nsblame.count", count)
	out, err := request(resourceOf(&event.Host{}), r)
	if err != nil {
		return nil // it holds no foreign text
	}
	return out
}

// record begins one. Its id tells a record that was sent twice.
func (c *Consumer) record(name string, bootNS uint64, severity logs.SeverityNumber, text string) *record {
	r := newRecord(name, severity, text)
	if at, ok := c.clock.Wall(bootNS); ok {
		r.log.TimeUnixNano = uint64(at.UnixNano())
	}
	if at, ok := c.clock.Wall(max(c.now, bootNS)); ok {
		r.log.ObservedTimeUnixNano = uint64(at.UnixNano())
	}
	r.text("log.record.uid", fmt.Sprintf("%s-%x", c.run, c.n))
	c.n++
	return r
}

func (c *Consumer) emit(r *record) error {
	out, err := request(c.from, r)
	if err != nil {
		return fmt.Errorf("encode a log record: %w", err)
	}
	return c.put(out)
}

func request(from *resource.Resource, r *record) ([]byte, error) {
	r.log.Attributes = r.list
	return proto.Marshal(&collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource: from,
		ScopeLogs: []*logs.ScopeLogs{{
			Scope: &common.InstrumentationScope{Name: scope}, LogRecords: []*logs.LogRecord{r.log},
		}},
	}}})
}

const scope = "github.com/nsblame/nsblame"

// resourceOf is the machine that was observed, and the nsblame that did.
func resourceOf(h *event.Host) *resource.Resource {
	var a attributes
	a.text("service.name", "nsblame")
	a.text("service.version", h.Version)
	a.text("host.name", h.Hostname)
	a.text("host.id", h.MachineID)
	a.text("host.arch", h.Arch)
	a.text("os.type", "linux")
	a.text("nsblame.host.kernel", h.Kernel)
	a.text("nsblame.host.boot_id", h.BootID)
	return &resource.Resource{Attributes: a.list}
}
