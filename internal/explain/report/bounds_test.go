package report

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/unraced"
)

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func sum(budgets []bounded.Budget) (n uint64) {
	for _, b := range budgets {
		n += b.Bytes
	}
	return n
}

// by is a creation of a user's by a command with an argument of its own.
func by(serial uint64, uid uint32, argv ...string) *finding.Created {
	p := lineage.Process{ID: event.ProcessID{PID: uint32(serial) + 2, StartNS: serial}, Comm: "x", Argv: argv, UID: uid}
	return &finding.Created{Selected: true, Attribution: &finding.Attribution{
		Creation: &lineage.Creation{BootNS: serial, Netns: event.NetnsCreate{Serial: serial, UID: uid}, Process: p},
		Origin:   finding.Origin{Trigger: finding.TriggerCommand, Process: &p, Evidence: evidence.Kernel},
	}}
}

// A user who runs any number of commands, each as long as he likes, takes no more
// than the budget, and nobody else's cause has to go for it.
func TestCausesAreBoundedBySize(t *testing.T) {
	unraced.Leave(t)
	c := NewCollector()
	before := heap()
	const n = 5_000
	long := strings.Repeat("\x01", 1<<16-9)
	for i := range uint64(3) {
		c.add(by(i+1, 0, "hostnamectl"))
	}
	for i := range uint64(n) {
		argv := fmt.Sprintf("%08d", i) + long
		c.observe(event.Event{BootNS: i, Body: &event.NetnsCreate{Serial: i + 10, UID: 1000}})
		c.add(by(i+10, 1000, argv))
	}
	if grown, budget := heap()-min(before, heap()), sum(Budgets()); grown > budget {
		t.Errorf("it takes %d KiB, the budgets are %d KiB", grown>>10, budget>>10)
	}
	r := c.Report()
	if r.Causes[0].Count != 3 || r.Causes[0].Command[0] != "hostnamectl" {
		t.Errorf("the first cause is %d times %.40q", r.Causes[0].Count, r.Causes[0].Command)
	}
	if got := uint64(len(r.Causes)-1) + r.Ungrouped; r.Ungrouped == 0 || got != n {
		t.Errorf("%d causes and %d that found no place, of %d", len(r.Causes), r.Ungrouped, n)
	}
	runtime.KeepAlive(c)
}

// A cause with many creations takes little once there is little room, and counts them
// all.
func TestManyCreationsOfManyCauses(t *testing.T) {
	unraced.Leave(t)
	c := NewCollector()
	before := heap()
	const causes, each = 100, 3_000
	for i := range uint64(causes * each) {
		c.add(by(i+1, 1000, fmt.Sprint("x", i%causes)))
	}
	if grown, budget := heap()-min(before, heap()), sum(Budgets()); grown > budget {
		t.Errorf("it takes %d KiB, the budgets are %d KiB", grown>>10, budget>>10)
	}
	r := c.Report()
	if len(r.Causes) != causes || r.Causes[0].Count != each || r.Causes[causes-1].Count != each {
		t.Errorf("%d causes, %d of the first", len(r.Causes), r.Causes[0].Count)
	}
	for i := range r.Causes {
		if got := r.Causes[i].Recurrence.Interval; got.Median != causes {
			t.Errorf("cause %d comes each %d", i, got.Median)
		}
	}
	runtime.KeepAlive(c)
}

// Namespaces that were released, but of whose end nothing says anything, are not kept
// for ever. One that exists is.
func TestReleasedNamespacesAreNotKeptForEver(t *testing.T) {
	c := NewCollector()
	c.observe(event.Event{Body: &event.Coverage{Probe: event.ProbeRelease, Live: true}})
	c.observe(event.Event{Body: &event.NetnsCreate{Serial: 1}})
	c.add(by(1, 0, "docker"))
	for i := range uint64(100_000) {
		serial := i + 2
		c.observe(event.Event{BootNS: serial, Body: &event.NetnsCreate{Serial: serial, UID: 1000}})
		c.add(by(serial, 1000, "x"))
		c.observe(event.Event{BootNS: serial, Body: &event.NetnsRelease{Serial: serial}}) // its NetnsFree is lost
	}
	if got := c.alive.Bytes() + c.gone.Bytes(); got > aliveBudget+goneBudget {
		t.Errorf("%d bytes are kept", got)
	}
	r := c.Report()
	for _, cause := range r.Causes {
		if want := map[string]uint64{"docker": 1, "x": 0}[cause.Command[0]]; cause.Alive != want || r.Endings.Lost != 0 {
			t.Errorf("%s: %d alive, %d ends lost", cause.Command, cause.Alive, r.Endings.Lost)
		}
	}
}

// If more exist than can be followed, the report says so.
func TestNamespacesThatAreNotFollowedCount(t *testing.T) {
	c := NewCollector()
	c.observe(event.Event{Body: &event.Coverage{Probe: event.ProbeRelease, Live: true}})
	const n = 30_000
	for i := range uint64(n) {
		c.observe(event.Event{BootNS: i, Body: &event.NetnsCreate{Serial: i + 1}})
		c.add(by(i+1, 1000, "x"))
	}
	r := c.Report()
	if got := r.Causes[0].Alive + r.Endings.Lost; got != n || r.Endings.Lost == 0 {
		t.Errorf("%d alive, %d lost, of %d", r.Causes[0].Alive, r.Endings.Lost, n)
	}
}

// A user with any number of units clears none that had a part, and a doubt says that
// there were too many.
func TestTooManyUnitsAreDoubted(t *testing.T) {
	s := newSuspects(unitBudget)
	cron := cgroup.Placement{Unit: "cron.service", Manager: event.ManagerSystem}
	s.mark(&cron)
	for i := range 20_000 {
		s.mark(&cgroup.Placement{
			Unit: fmt.Sprintf("x%d-%s.service", i, strings.Repeat("y", 200)), Manager: event.ManagerUser, OwnerUID: 1000, HasOwner: true,
		})
	}
	if s.involved.Bytes() > unitBudget {
		t.Errorf("they take %d bytes", s.involved.Bytes())
	}
	if _, ok := s.involved.Get(unitRef(&cron)); !ok {
		t.Error("what had a part is forgotten")
	}
	if doubts := s.doubts(&Report{Whole: true}); len(doubts) != 1 || doubts[0].Code != TooManyInvolved {
		t.Errorf("%+v", doubts)
	}
}
