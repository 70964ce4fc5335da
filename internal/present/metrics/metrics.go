package metrics

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

const (
	// openBudget bounds what is kept of namespaces that exist, in bytes.
	openBudget = 2 << 20
	openSize   = 24
	// maxSubsystems is how many subsystems have a series. A kernel has some hundred.
	maxSubsystems = 128
)

// Budgets returns the bounds of a Metrics.
func Budgets() []bounded.Budget {
	return []bounded.Budget{
		{Name: "metrics: namespaces that exist", Bytes: openBudget},
		{Name: "metrics: creations of which it may become known for whom they were", Bytes: heldBudget},
	}
}

// Bounds of the buckets, in seconds.
var (
	lifetimeBuckets = []float64{0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}
	durationBuckets = []float64{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}
)

// Metrics is a finding.Consumer that counts, and a prometheus.Collector of the counts.
// Findings come from one goroutine at a time; Collect may be called at any time.
type Metrics struct {
	all []prometheus.Collector

	// now is the time of the stream, and held are creations that wait until it is known for
	// whom they were, the oldest first, of heldBytes.
	now       uint64
	held      []*held
	heldBytes uint64

	slots      *slots
	open       *bounded.Store[uint64, existing]
	endings    bool // the end of namespaces is seen
	subsystems map[string]prometheus.Counter

	errors, subsystem, lost, cut, requests *prometheus.CounterVec
	probes                                 *prometheus.GaugeVec
	lifetime                               *prometheus.HistogramVec
	duration                               prometheus.Observer
	measured, lock, events, reports        prometheus.Counter
	recorded                               atomic.Pointer[func() Recorded]
}

// existing is a namespace that exists.
type existing struct {
	slot *slot
	// cause and family are as in report.Identity.
	cause, family uint64
}

// New returns one that has seen nothing, of a program of this version.
func New(v *findings.Version) *Metrics {
	m := &Metrics{
		subsystems: make(map[string]prometheus.Counter),
		open:       bounded.NewStore[uint64, existing](openBudget),
		slots:      &slots{of: make(map[labels]*slot), others: make(map[string]*slot)},
	}
	m.slots.created, m.slots.failed, m.slots.open = add(m, defCreated.counters()), add(m, defFailed.counters()), add(m, defOpen.gauges())
	m.slots.evicted = add(m, defEvicted.counter())
	m.errors, m.subsystem = add(m, defErrors.counters()), add(m, defSubsystem.counters())
	m.lost, m.cut, m.requests = add(m, defLost.counters()), add(m, defCut.counters()), add(m, defRequests.counters())
	m.probes = add(m, defProbe.gauges())
	m.lifetime = add(m, defLifetime.histograms(lifetimeBuckets))
	m.duration = add(m, defDuration.histograms(durationBuckets)).WithLabelValues()
	m.measured, m.lock, m.events = add(m, defMeasured.counter()), add(m, defLock.counter()), add(m, defEvents.counter())
	m.reports = add(m, defReports.counter())
	add(m, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: defBytes.Name, Help: defBytes.help()}, func() float64 { return float64(m.recording().Bytes) }))
	add(m, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: defMissed.Name, Help: defMissed.help()}, func() float64 { return float64(m.recording().Missed) }))
	add(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: defPaused.Name, Help: defPaused.help()}, func() float64 {
		if m.recording().Paused {
			return 1
		}
		return 0
	}))
	untracked := add(m, defUnwatched.counter())
	m.open.Drop = func(_ uint64, n existing) {
		n.slot.change(n.slot.alive - 1)
		untracked.Inc()
	}
	add(m, defBuild.gauges()).WithLabelValues(safe(v.Version), safe(v.Revision), safe(v.Go)).Set(1)
	// what never happened is 0, so that the first one is an increase
	for _, kind := range event.LossKinds() {
		m.lost.WithLabelValues(string(kind))
	}
	for _, what := range cuts {
		m.cut.WithLabelValues(what)
	}
	return m
}

func add[C prometheus.Collector](m *Metrics, c C) C {
	m.all = append(m.all, c)
	return c
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.all {
		c.Collect(to)
	}
}

// Recorded is how it goes with recordings.
type Recorded struct {
	// Bytes were written, Missed events were not.
	Bytes, Missed uint64
	// Paused is set while nothing can be written.
	Paused bool
}

// RecordedBy has a function asked for how it goes with recordings. It may be called at any
// time.
func (m *Metrics) RecordedBy(ask func() Recorded) { m.recorded.Store(&ask) }

func (m *Metrics) recording() Recorded {
	if ask := m.recorded.Load(); ask != nil {
		return (*ask)()
	}
	return Recorded{}
}

// Requested counts a request that was answered with this status code. path is one of a
// fixed list.
func (m *Metrics) Requested(path string, code int) {
	m.requests.WithLabelValues(path, strconv.Itoa(code)).Inc()
}

// Reported counts a report that was computed.
func (m *Metrics) Reported() { m.reports.Inc() }

// Consume implements finding.Consumer.
func (m *Metrics) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		m.events.Inc()
		m.now = max(m.now, f.Event.BootNS)
		m.countHeld(func(h *held) bool { return m.now >= h.until })
	case *finding.Created:
		if isUnknown(f.For) {
			m.hold(f.Attribution)
			return nil
		}
		m.created(f.Attribution, f.For)
	case *finding.NetnsFor:
		m.becameKnown(f)
	case *finding.Ended:
		m.endHeld(f.Serial())
		m.ended(f)
	case *finding.Summary:
		m.countHeld(func(*held) bool { return true })
	case *finding.Lost:
		m.lost.WithLabelValues(lossKind(f.Kind)).Add(float64(f.Count))
	case *finding.BusCut:
		m.cut.WithLabelValues(cutBus).Add(float64(f.Count))
	case *finding.Covered:
		m.covered(f.Coverage)
	}
	return nil
}

// lossKind is the kind as a label. One that a later version recorded is not known.
func lossKind(kind event.LossKind) string {
	for _, known := range event.LossKinds() {
		if known == kind {
			return string(kind)
		}
	}
	return Other
}

func (m *Metrics) covered(c *event.Coverage) {
	live := 0.0
	if c.Live {
		live = 1
	}
	m.probes.WithLabelValues(safe(string(c.Probe)), safe(c.Subsystem)).Set(live)
	if c.Probe == event.ProbeRelease {
		m.endings = c.Live
	}
}

// created counts a creation, or an attempt. For whom it was may have become known after it
// was shown.
func (m *Metrics) created(k *finding.Attribution, whom *finding.For) {
	n := &k.Netns
	id := report.Identify(k) // as the report has it, which counts it as it was shown
	labelled, known := id, *k
	if known.For != whom {
		known.For = whom
		labelled = report.Identify(&known)
	}
	owner := bounded.ShareOfUser(n.UID)
	s := m.slots.slot(labelsOf(&known, &labelled), owner, k.BootNS, m.endings)
	exemplar := exemplarOf(id.ID, id.FamilyID)
	if n.Errno != 0 {
		addWithExemplar(s.failed, exemplar)
		m.errors.WithLabelValues(errorName(n.Errno)).Inc()
	} else {
		addWithExemplar(s.created, exemplar)
		if m.endings {
			s.change(s.alive + 1)
			m.open.Put(n.Serial, existing{s, id.ID, id.FamilyID}, owner, openSize)
		}
	}
	m.countCuts(k)
	if !n.EntryMissed {
		m.spent(n, exemplar)
	}
}

// errorName is the name of an error number as a label.
func errorName(n uint32) string {
	if name, ok := render.ErrnoName(n); ok {
		return name
	}
	return Other
}

// exemplarOf names a cause as the JSON of a report does, and the one that it may be a part
// of there, if there is one.
func exemplarOf(cause, family uint64) prometheus.Labels {
	out := prometheus.Labels{"cause_id": render.CauseID(cause)}
	if family != 0 {
		out["family_id"] = render.CauseID(family)
	}
	return out
}

func addWithExemplar(c prometheus.Counter, exemplar prometheus.Labels) {
	c.(prometheus.ExemplarAdder).AddWithExemplar(1, exemplar)
}

func observe(o prometheus.Observer, ns uint64, exemplar prometheus.Labels) {
	if exemplar == nil {
		o.Observe(seconds(ns))
		return
	}
	o.(prometheus.ExemplarObserver).ObserveWithExemplar(seconds(ns), exemplar)
}

func seconds(ns uint64) float64 { return float64(ns) / 1e9 }

// spent counts the time that a creation took.
func (m *Metrics) spent(n *event.NetnsCreate, exemplar prometheus.Labels) {
	observe(m.duration, n.DurationNS, exemplar)
	c := n.Cost
	if c == nil {
		for i := range n.Init {
			m.spend(n.Init[i].Subsystem, n.Init[i].DurationNS)
		}
		return
	}
	m.measured.Inc()
	for i := range c.Ops {
		m.spend(c.Ops[i].Subsystem, c.Ops[i].DurationNS)
	}
	m.spend(Other, c.UnlistedNS+c.OtherNS(n.DurationNS))
	if !c.LockUnknown {
		m.lock.Add(seconds(c.LockWaitNS))
	}
}

func (m *Metrics) spend(subsystem string, ns uint64) {
	c := m.subsystems[subsystem]
	if c == nil {
		if subsystem == "" || len(m.subsystems) >= maxSubsystems && subsystem != Other {
			m.spend(Other, ns)
			return
		}
		c = m.subsystem.WithLabelValues(safe(subsystem))
		m.subsystems[subsystem] = c
	}
	c.Add(seconds(ns))
}

// ended counts the end of a namespace once: at its release, or when it is freed if that
// was lost.
func (m *Metrics) ended(e *finding.Ended) {
	serial, trigger := e.Serial(), string(finding.TriggerUnknown)
	n, known := m.open.Get(serial)
	if e.Free != nil && !known {
		return
	}
	var exemplar prometheus.Labels
	if known {
		trigger, exemplar = n.slot.trigger, exemplarOf(n.cause, n.family)
		n.slot.last = max(n.slot.last, e.BootNS)
		n.slot.change(n.slot.alive - 1)
		m.open.Delete(serial)
	}
	if ns, knows := e.Lifetime(); knows {
		observe(m.lifetime.WithLabelValues(trigger), ns, exemplar)
	}
}
