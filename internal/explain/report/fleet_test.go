package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// onHost is what a machine did: so many runs of a job, a second apart, from a time of day
// on.
func onHost(name string, offset int64, runs uint32) *Collector {
	s := &story{Collector: NewCollector()}
	s.at(0, &event.Host{Hostname: name, MachineID: "id of " + name, ClockOffsetNS: offset})
	s.at(0, &event.Coverage{Probe: event.ProbeRelease, Live: true})
	for i := range runs {
		s.create(uint64(i)*second, plain(i+100, cronPath, "job"))
	}
	s.at(uint64(runs)*second, &event.End{Seen: uint64(runs)})
	return s.Collector
}

// Recordings of several machines make one report, by machine and across.
func TestFleet(t *testing.T) {
	f := NewFleet(NewCollector())
	const hour = 3600 * int64(second)
	f.Add(onHost("a", 100*hour, 30), "a.avro")
	f.Add(onHost("b", 100*hour+5*int64(second), 50), "b.avro")
	f.Add(onHost("a", 200*hour, 40), "a2.avro") // after a reboot
	r := f.Report()
	if len(r.Hosts) != 2 || r.Hosts[0].Name != "a" || r.Hosts[0].Selected != 70 || r.Hosts[0].Recordings != 2 || r.Hosts[1].Selected != 50 {
		t.Fatalf("%+v", r.Hosts)
	}
	if !r.Hosts[1].Complete || r.Host != nil || !r.Whole {
		t.Errorf("%+v of %+v", r.Hosts[1], r.Host)
	}
	if len(r.Causes) != 1 || r.Causes[0].Count != 120 || r.Causes[0].Alive != 120 {
		t.Fatalf("%+v", r.Causes)
	}
	c := &r.Causes[0]
	if got := fmt.Sprint(c.Hosts.Values); got != "[{[a] 70} {[b] 50}]" {
		t.Error(got)
	}
	if got := c.Recurrence; got.Interval.Median != second || got.Interval.N != 29+49+39 {
		t.Errorf("%+v", got)
	}
	if c.First != uint64(100*hour) || c.Last != uint64(200*hour)+39*second {
		t.Errorf("from %d to %d", c.First, c.Last)
	}
	if want := uint64(55+40) * second; r.Observed != want {
		t.Errorf("observed for %d, expected %d", r.Observed, want)
	}
	if r.Suspects.Known || r.Suspects.Cleared {
		t.Errorf("%+v", r.Suspects)
	}
}

// Quantiles of parts are those of the whole.
func TestSeriesMerge(t *testing.T) {
	for _, n := range []uint64{0, 10, maxExact - 1, 3 * maxExact} {
		var whole, first, second series
		for i := range n {
			v := i * 7919 % 100_003
			whole.add(v)
			if i%3 == 0 {
				first.add(v)
			} else {
				second.add(v)
			}
		}
		first.merge(&second)
		if got, want := first.quantiles(), whole.quantiles(); got != want {
			t.Errorf("%d: %+v, expected %+v", n, got, want)
		}
	}
}

// What is outside of the window counts as filtered out, and the rest is of the window.
func TestWindow(t *testing.T) {
	s := newStory()
	s.at(0, &event.Host{ClockOffsetNS: 0})
	s.Within(finding.Window{Since: time.Unix(10, 0), Until: time.Unix(19, 0)})
	for i := range uint32(40) {
		s.create(uint64(i)*second, plain(i+100, cronPath, "job"))
	}
	r := s.Report()
	if r.Selected != 10 || r.FilteredOut != 30 || r.Observed != 9*second {
		t.Errorf("%d selected, %d not, in %d", r.Selected, r.FilteredOut, r.Observed)
	}
}

// Creations are grouped by what was asked for.
func TestGroupBy(t *testing.T) {
	for by, want := range map[By]int{ByUnit: 1, ByOrigin: 1, ByUser: 1, ByCommand: 3, ByPod: 1, ByWorkload: 1, ByContainer: 1} {
		s := newStory()
		s.GroupBy(by)
		for i := range uint32(9) {
			s.create(uint64(i)*second, plain(i+100, cronPath, fmt.Sprint("job", i%3)))
		}
		r := s.Report()
		if len(r.Causes) != want || r.Causes[0].Grouped.By != by || r.Causes[0].Count != uint64(9/want) || len(r.Causes[0].Remedies) != 0 {
			t.Errorf("%s: %d groups", by, len(r.Causes))
		}
	}
}
