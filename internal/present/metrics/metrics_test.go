package metrics

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

var update = flag.Bool("update", false, "renew the table of docs/metrics.md")

func newMetrics() *Metrics {
	m := New(&findings.Version{Version: "v1", Go: "go1"})
	consume(m, &finding.Covered{Coverage: &event.Coverage{Probe: event.ProbeRelease, Live: true}})
	return m
}

func consume(m *Metrics, list ...finding.Finding) {
	for _, f := range list {
		if err := m.Consume(f); err != nil {
			panic(err)
		}
	}
}

// made is a creation whose origin is a unit of the machine's manager.
func made(serial, bootNS uint64, uid uint32, unit string) *finding.Created {
	k := finding.NewAttribution(&lineage.Creation{
		BootNS:  bootNS,
		Netns:   event.NetnsCreate{Serial: serial, UID: uid, DurationNS: 2e6},
		Process: lineage.Process{ID: event.ProcessID{PID: 7}, Comm: "x", UID: uid, Argv: []string{"x"}},
	})
	k.Origin = finding.Origin{
		Trigger: finding.TriggerTimer, Unit: unit,
		Placement: cgroup.Placement{Unit: unit, Manager: event.ManagerSystem},
	}
	return &finding.Created{Attribution: k, Selected: true}
}

func gone(serial, created, released uint64) *finding.Ended {
	return &finding.Ended{BootNS: released, Release: &finding.Release{
		BootNS: released, Netns: event.NetnsRelease{Serial: serial, CreatedNS: created},
	}}
}

// all are the series of a metric: their labels, and the value of each.
func all(t *testing.T, m *Metrics, d Definition) map[string]float64 {
	t.Helper()
	out := make(map[string]float64)
	for _, s := range gather(t, m, d.Name) {
		var list []string
		for _, l := range s.GetLabel() {
			list = append(list, l.GetValue())
		}
		out[strings.Join(list, "|")] = s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
	}
	return out
}

func gather(t *testing.T, m *Metrics, name string) []*dto.Metric {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	return nil
}

func want(t *testing.T, got map[string]float64, pairs ...any) {
	t.Helper()
	expected := make(map[string]float64)
	for i := 0; i < len(pairs); i += 2 {
		expected[pairs[i].(string)] = float64(pairs[i+1].(int))
	}
	if fmt.Sprint(got) != fmt.Sprint(expected) {
		t.Errorf("got  %v\nwant %v", got, expected)
	}
}

// What is created, fails and ends is counted by its cause. An end counts once.
func TestCounts(t *testing.T) {
	m := newMetrics()
	failed := made(3, 3e9, 0, "a.timer")
	failed.Netns.Errno = 28
	unreleased := &finding.Ended{BootNS: 9e9, Free: &event.NetnsFree{Serial: 4, CreatedNS: 4e9, ReleasedNS: 6e9}}
	again := &finding.Ended{BootNS: 9e9, Free: &event.NetnsFree{Serial: 1, CreatedNS: 1e9, ReleasedNS: 2e9}}
	consume(m, made(1, 1e9, 0, "a.timer"), made(2, 2e9, 0, "a.timer"), failed, gone(1, 1e9, 2e9), again, made(4, 4e9, 0, "b.timer"), unreleased,
		gone(99, 0, 9e9)) // older than nsblame: its age is not known
	// labels are in the order of their names: origin, trigger, workload
	want(t, all(t, m, defCreated), "a.timer|timer|", 2, "b.timer|timer|", 1)
	want(t, all(t, m, defFailed), "a.timer|timer|", 1, "b.timer|timer|", 0)
	want(t, all(t, m, defErrors), "ENOSPC", 1)
	want(t, all(t, m, defOpen), "a.timer|timer|", 1, "b.timer|timer|", 0)
	want(t, all(t, m, defLifetime), "timer", 2)
	want(t, all(t, m, defDuration), "", 4)
}

// Where ends are not seen, no number of open namespaces is given.
func TestOpenIsKnown(t *testing.T) {
	m := New(&findings.Version{})
	consume(m, made(1, 1e9, 0, "a.timer"))
	want(t, all(t, m, defOpen))
}

// An exemplar leads to the cause.
func TestExemplar(t *testing.T) {
	m := newMetrics()
	c := made(1, 1e9, 0, "a.timer")
	consume(m, c, gone(1, 1e9, 2e9))
	id := regexp.MustCompile(`^[0-9a-f]{16}$`)
	var of []string
	for _, name := range []string{defCreated.Name, defLifetime.Name} {
		for _, s := range gather(t, m, name) {
			list := []*dto.Exemplar{s.GetCounter().GetExemplar()}
			for _, b := range s.GetHistogram().GetBucket() {
				list = append(list, b.GetExemplar())
			}
			for _, e := range list {
				if l := e.GetLabel(); len(l) > 0 {
					if l[0].GetName() != "cause_id" || !id.MatchString(l[0].GetValue()) {
						t.Errorf("%s: %v", name, e)
					}
					of = append(of, l[0].GetValue())
				}
			}
		}
	}
	if len(of) != 2 || of[0] != of[1] {
		t.Errorf("exemplars of %q", of)
	}
}

// With cost each subsystem counts, and what is none of them; without, those that are
// always measured.
func TestSubsystems(t *testing.T) {
	m := newMetrics()
	costed, plain := made(1, 1e9, 0, "a.timer"), made(2, 2e9, 0, "a.timer")
	costed.Netns.DurationNS = 10e9
	costed.Netns.Init = []event.Init{{Subsystem: "nf_conntrack", DurationNS: 9e9}}
	costed.Netns.Cost = &event.Cost{LockWaitNS: 3e9, Ops: []event.CostOp{{Subsystem: "nf_conntrack", DurationNS: 2e9}, {DurationNS: 1e9}}, UnlistedNS: 1e9}
	plain.Netns.Init = []event.Init{{Subsystem: "ip_vs", DurationNS: 4e9}}
	consume(m, costed, plain)
	want(t, all(t, m, defSubsystem), "nf_conntrack", 2, "ip_vs", 4, "other", 5)
	want(t, all(t, m, defLock), "", 3)
	want(t, all(t, m, defMeasured), "", 1)
}

// Losses and what was cut count by their kind, from 0 on.
func TestLost(t *testing.T) {
	m := newMetrics()
	cut := made(1, 1e9, 0, "a.timer")
	cut.Process.ArgvTruncated, cut.AncestryTruncated = true, true
	cut.Ancestry = []lineage.Process{{ArgvUnread: true, CgroupTruncated: true}}
	consume(m, cut, &finding.Lost{Loss: &event.Loss{Kind: event.LossBus, Count: 3}}, &finding.Lost{Loss: &event.Loss{Kind: "later", Count: 1}}, &finding.BusCut{Count: 2})
	lost := all(t, m, defLost)
	if lost["bus"] != 3 || lost["other"] != 1 || len(lost) != len(event.LossKinds())+1 {
		t.Errorf("%v", lost)
	}
	want(t, all(t, m, defCut), "command_line", 1, "executable", 0, "cgroup", 1, "ancestry", 1, "process", 0, "unit", 0, "bus_message", 2)
}

// However many names a user invents, the number of series is bounded, none is lost from
// the sum, and root's causes have series of their own.
func TestCardinality(t *testing.T) {
	m := newMetrics()
	const n = 5000
	at := uint64(0)
	for i := range uint64(n) {
		at += 1e6
		uid := uint32(1000 + i%50)
		consume(m, made(i+1, at, uid, fmt.Sprintf("u%d.timer", i)))
	}
	consume(m, made(n+1, at, 0, "root.timer"))
	created := all(t, m, defCreated)
	var sum float64
	for _, v := range created {
		sum += v
	}
	if len(created) > maxSlots+1 || sum != n+1 || created["root.timer|timer|"] != 1 || created["other|timer|other"] < n-maxSlots {
		t.Errorf("%d series, %v in all, %v of root's", len(created), sum, created["root.timer|timer|"])
	}
	// one user has no more than a part
	m = newMetrics()
	for i := range uint64(n) {
		consume(m, made(i+1, at, 1000, fmt.Sprintf("u%d.timer", i)))
	}
	if got := len(all(t, m, defCreated)); got != ofOne+1 {
		t.Errorf("%d series of one user", got)
	}
}

// What was idle for an hour makes room, unless a namespace of it is open.
func TestIdleMakesRoom(t *testing.T) {
	m := newMetrics()
	serial := uint64(0)
	next := func(at uint64, unit string, ends bool) {
		serial++
		consume(m, made(serial, at, 0, unit))
		if ends {
			consume(m, gone(serial, at, at+1))
		}
	}
	next(1e9, "open.timer", false)
	for i := range maxSlots - 1 {
		next(1e9+uint64(i), fmt.Sprintf("u%d.timer", i), true)
	}
	next(2e9, "early.timer", true)
	if got := all(t, m, defCreated); got["other|timer|other"] != 1 || len(got) != maxSlots+1 {
		t.Errorf("%d series, %v", len(got), got["other|timer|other"])
	}
	next(2e9+idleNS, "late.timer", true)
	got := all(t, m, defCreated)
	_, oldest := got["u0.timer|timer|"]
	if got["late.timer|timer|"] != 1 || got["open.timer|timer|"] != 1 || oldest || len(got) != maxSlots+1 {
		t.Errorf("%v", got)
	}
	if n := testutil.ToFloat64(m.slots.evicted); n != 1 {
		t.Errorf("%v evicted", n)
	}
	// an hour on, "open" is the oldest and stays
	for i := range maxSlots * 2 {
		next(uint64(1e13)+uint64(i), fmt.Sprintf("v%d.timer", i), true)
	}
	if got := all(t, m, defOpen); got["open.timer|timer|"] != 1 || len(got) > maxSlots+1 {
		t.Errorf("%v", got)
	}
}

// A namespace for which there is no room is no longer open, and counts.
func TestUntracked(t *testing.T) {
	m := newMetrics()
	const n = 40_000
	for i := range uint64(n) {
		consume(m, made(i+1, i, 0, "a.timer"))
	}
	open, untracked := all(t, m, defOpen)["a.timer|timer|"], all(t, m, defUnwatched)[""]
	if untracked == 0 || open+untracked != n || open < 8000 {
		t.Errorf("%v open, %v untracked", open, untracked)
	}
}

// Labels are valid, short, and harmless on a terminal, whatever a name has in it.
func TestSafe(t *testing.T) {
	for _, tt := range []struct{ in, out string }{
		{"cron.service", "cron.service"},
		{"", ""},
		{"a\nb", `a\nb`},
		{"a\xffb", `a\xffb`},
		{"\x1b[2J", `\x1b[2J`},
		{"ü.service", "ü.service"},
		{strings.Repeat("x", 128), strings.Repeat("x", 128)},
		{strings.Repeat("x", 129), strings.Repeat("x", 125) + "…"},
		{strings.Repeat("ü", 100), strings.Repeat("ü", 62) + "…"},
	} {
		if got := safe(tt.in); got != tt.out {
			t.Errorf("%q is %q, want %q", tt.in, got, tt.out)
		}
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\xff\x1b\n…\u202e")
	f.Add(strings.Repeat("\x00", 500))
	f.Fuzz(func(t *testing.T, s string) {
		got := safe(s)
		if len(got) > maxLabel || !utf8.ValidString(got) || slices.ContainsFunc([]rune(got), func(r rune) bool { return !findings.Shown(r) }) {
			t.Errorf("%q is %q", s, got)
		}
	})
}

// What a label says of a cause.
func TestLabels(t *testing.T) {
	base := func(change func(*finding.Attribution)) string {
		c := made(1, 1, 0, "a.timer")
		change(c.Attribution)
		m := newMetrics()
		consume(m, c)
		for key := range all(t, m, defCreated) {
			return key
		}
		return ""
	}
	for want, change := range map[string]func(*finding.Attribution){
		"a.timer|timer|": func(*finding.Attribution) {},
		"user@1000/a.timer|timer|": func(k *finding.Attribution) {
			k.Origin.Placement = cgroup.Placement{Unit: "a.timer", Manager: event.ManagerUser, OwnerUID: 1000, HasOwner: true}
		},
		"kubelet.service|pod|shop/cronjob/backup": func(k *finding.Attribution) {
			pod := &finding.Pod{Namespace: "shop", Name: "backup-1-x", Workload: &finding.Workload{Kind: "CronJob", Name: "backup"}}
			k.Origin.Trigger, k.Origin.Pod, k.For = finding.TriggerPod, pod, &finding.For{Pod: pod}
			k.Origin.Placement.Unit = "kubelet.service"
		},
		"a.timer|timer|compose/shop/web": func(k *finding.Attribution) {
			k.For = &finding.For{Container: &finding.Container{Name: "shop-web-1", Image: "web:1", ComposeProject: "shop", ComposeService: "web"}}
		},
		"a.timer|timer|image/web:1": func(k *finding.Attribution) {
			k.For = &finding.For{Container: &finding.Container{Name: "sad_curie", Image: "web:1"}}
		},
		"container/web|restart|": func(k *finding.Attribution) {
			k.Origin.Trigger, k.Origin.Container = finding.TriggerRestart, &finding.Container{Name: "web"}
		},
		"guest/x.service|guest|": func(k *finding.Attribution) {
			k.Origin.Trigger, k.Origin.Placement.GuestUnit = finding.TriggerGuest, "x.service"
		},
	} {
		if got := base(change); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The metrics are well named, and as docs/metrics.md says.
func TestDocumented(t *testing.T) {
	m := newMetrics()
	consume(m, made(1, 1, 0, "a.timer"))
	m.Requested("/metrics", 200)
	m.spend("x", 1)
	m.errors.WithLabelValues("x")
	m.lifetime.WithLabelValues("x")
	problems, err := testutil.CollectAndLint(m)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]Definition)
	table := "| metric | type | labels | what |\n|---|---|---|---|\n"
	for _, d := range Definitions() {
		known[d.Name] = d
		quoted := make([]string, len(d.Labels))
		for i, l := range d.Labels {
			quoted[i] = "`" + l + "`"
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", d.Name, d.Type, strings.Join(quoted, ", "), d.Help)
	}
	for _, f := range families {
		d, ok := known[f.GetName()]
		if !ok || strings.ToLower(f.GetType().String()) != d.Type {
			t.Errorf("%s, a %s, is %+v in the table", f.GetName(), f.GetType(), d)
		}
		delete(known, f.GetName())
	}
	for name := range known {
		t.Errorf("%s is never shown", name)
	}
	const file, begin, end = "../../../docs/metrics.md", "<!-- metrics -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no marks", file)
	}
	if want := head + begin + table + end + tail; want != string(text) {
		if !*update {
			t.Fatalf("%s is not up to date: go test ./internal/present/metrics -run %s -update", file, t.Name())
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What is kept of a namespace is as large as it is charged for.
func TestSizes(t *testing.T) {
	if got := unsafe.Sizeof(existing{}); got != openSize {
		t.Errorf("%d bytes", got)
	}
}

func BenchmarkConsume(b *testing.B) {
	m := newMetrics()
	c, e := made(1, 1, 0, "a.timer"), gone(1, 1, 2)
	b.ReportAllocs()
	for b.Loop() {
		consume(m, c, e)
	}
}

func BenchmarkConsumeEvent(b *testing.B) {
	m := newMetrics()
	ev := &finding.Observed{}
	b.ReportAllocs()
	for b.Loop() {
		consume(m, ev)
	}
}

// A creation of which it becomes known later for whom it was is counted with that; one
// that ends or waits for too long before, without.
func TestLateWorkload(t *testing.T) {
	m := newMetrics()
	at := func(ns uint64) {
		consume(m, &finding.Observed{Event: event.Event{BootNS: ns, Body: &event.Clock{}}})
	}
	unknown := func(serial uint64) *finding.Created {
		c := made(serial, 1e9, 0, "a.timer")
		c.For = &finding.For{}
		return c
	}
	at(1e9)
	if d := m.Deadline(); d != 0 {
		t.Errorf("nothing waits, but is due at %d", d)
	}
	late, ends, waits := unknown(1), unknown(2), unknown(3)
	consume(m, late, ends, waits, made(4, 1e9, 0, "a.timer"))
	want(t, all(t, m, defCreated), "a.timer|timer|", 1)
	if d := m.Deadline(); d != 1e9+heldNS {
		t.Errorf("due at %d", d)
	}
	at(2e9)
	consume(m, &finding.NetnsFor{Created: late.Attribution, For: &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: "web"}}})
	want(t, all(t, m, defCreated), "a.timer|timer|shop/pod/web", 1, "a.timer|timer|", 1)
	consume(m, gone(2, 1e9, 3e9))
	want(t, all(t, m, defCreated), "a.timer|timer|shop/pod/web", 1, "a.timer|timer|", 2)
	want(t, all(t, m, defOpen), "a.timer|timer|shop/pod/web", 1, "a.timer|timer|", 1)
	at(1e9 + heldNS)
	want(t, all(t, m, defCreated), "a.timer|timer|shop/pod/web", 1, "a.timer|timer|", 3)
	// later knowledge counts nothing twice
	consume(m, &finding.NetnsFor{Created: waits.Attribution, For: &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: "web"}}})
	consume(m, unknown(5), &finding.Summary{})
	want(t, all(t, m, defCreated), "a.timer|timer|shop/pod/web", 1, "a.timer|timer|", 4)
}

// Many that wait are counted before they take much.
func TestHeldIsBounded(t *testing.T) {
	m := newMetrics()
	const n = 5000
	for i := range uint64(n) {
		c := made(i+1, 1e9, 0, "a.timer")
		c.For = &finding.For{}
		consume(m, c)
		if m.heldBytes > heldBudget {
			t.Fatalf("%d bytes wait", m.heldBytes)
		}
	}
	counted := int(all(t, m, defCreated)["a.timer|timer|"])
	if counted == 0 || counted+len(m.held) != n {
		t.Errorf("%d counted, %d wait", counted, len(m.held))
	}
}
