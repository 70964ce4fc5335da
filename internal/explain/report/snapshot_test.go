package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// feed gives a collector the life of some namespaces of commands, each with arguments of
// its own, and of one that comes again and again.
func feed(c *Collector, from, to uint64) {
	for i := from; i < to; i++ {
		argv := []string{"ip", "netns", "add", fmt.Sprintf("chk-%04d", i)}
		if i%3 == 0 {
			argv = []string{"hostnamectl", "--static"}
		}
		at := i * 20e9
		c.observe(event.Event{BootNS: at, Body: &event.NetnsCreate{Serial: i, UID: 1000}})
		created := by(i, 1000, argv...)
		created.Attribution.BootNS = at
		created.Attribution.Netns.Inum = uint32(i)
		c.add(created)
		if i%5 != 0 {
			c.observe(event.Event{BootNS: at + 1e9, Body: &event.NetnsRelease{Serial: i}})
			c.observe(event.Event{BootNS: at + 2e9, Body: &event.NetnsFree{Serial: i, DurationNS: 1e6}})
		}
	}
}

func asText(t *testing.T, r *Report) string {
	t.Helper()
	for i := range r.Causes {
		r.Causes[i].Example = nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func watching() *Collector {
	c := NewCollector()
	c.Watch()
	c.observe(event.Event{Body: &event.Coverage{Probe: event.ProbeRelease, Live: true}})
	return c
}

// A snapshot says what a report would say at that moment, and disturbs none that is made
// later.
func TestSnapshotIsAReport(t *testing.T) {
	for _, n := range []uint64{2, 30, 200, 2000} {
		looked, alone := watching(), watching()
		for at := uint64(1); at < n; at += n/7 + 1 {
			feed(looked, at, min(n, at+n/7+1))
			feed(alone, at, min(n, at+n/7+1))
			for _, by := range Regroups {
				looked.Snapshot(by, 1000)
			}
		}
		got, want := looked.Snapshot(ByCause, 1000), alone.Report()
		got.Running = false
		if d := cmp.Diff(asText(t, want), asText(t, got)); d != "" {
			t.Errorf("%d: the snapshot differs (-report +snapshot):\n%s", n, d)
		}
		if d := cmp.Diff(asText(t, want), asText(t, looked.Report())); d != "" {
			t.Errorf("%d: snapshots have changed the report (-without +with):\n%s", n, d)
		}
	}
}

// What is grouped afterwards counts what is grouped at once.
func TestRegroupedCountsAsGrouped(t *testing.T) {
	for _, by := range []By{ByWorkload, ByUnit, ByOrigin, ByCommand} {
		later, atOnce := watching(), watching()
		atOnce.GroupBy(by)
		feed(later, 1, 25)
		feed(atOnce, 1, 25)
		got, want := later.Snapshot(by, 100), atOnce.Report()
		if len(got.Causes) != len(want.Causes) {
			t.Errorf("%s: %d groups, want %d", by, len(got.Causes), len(want.Causes))
			continue
		}
		for i := range want.Causes {
			g, w := &got.Causes[i], &want.Causes[i]
			if g.Grouped != w.Grouped || g.Count != w.Count || g.Alive != w.Alive || g.Life != w.Life || g.First != w.First || g.Last != w.Last {
				t.Errorf("%s: row %d is %+v with %d, want %+v with %d", by, i, g.Grouped, g.Count, w.Grouped, w.Count)
			}
		}
	}
}

func TestSnapshotTellsWhatItLeavesOut(t *testing.T) {
	c := watching()
	for i := range uint64(40) {
		c.add(by(i+1, 1000, fmt.Sprint("x", i)))
	}
	r := c.Snapshot(ByCause, 15)
	if len(r.Causes) != 15 || r.Rest != (Rest{25, 25}) {
		t.Errorf("%d causes, and %+v", len(r.Causes), r.Rest)
	}
}

func TestRecent(t *testing.T) {
	c := watching()
	feed(c, 1, 601) // one in 20 s
	r := c.Snapshot(ByCause, 10)
	var sum uint32
	for i := range r.Causes {
		recent := r.Causes[i].Recent
		for _, n := range recent.PerMinute {
			sum += n
		}
		if len(recent.Latest) != MaxLatest {
			t.Errorf("%d latest", len(recent.Latest))
		}
		for j, b := range recent.Latest {
			if want := b.Inum%5 != 0; b.Ended != want || want && b.LivedNS != 1e9 {
				t.Errorf("namespace %d: ended %v after %d", b.Inum, b.Ended, b.LivedNS)
			}
			if j > 0 && b.BootNS >= recent.Latest[j-1].BootNS {
				t.Errorf("the latest are not in order")
			}
		}
	}
	if sum < 178 || sum > 180 {
		t.Errorf("%d in the last hour", sum)
	}
}

// What is older than an hour is not counted, and neither is a pause in which nothing was.
func TestRecentForgets(t *testing.T) {
	var w watched
	w.count(1, 7)
	w.count(70, 1)
	w.count(12, 1) // within an hour still, but not when the report ends
	w.count(2, 5)
	r := w.recent(75 * minuteNS)
	want := [Minutes]uint32{54: 1}
	if r.PerMinute != want {
		t.Errorf("%v", r.PerMinute)
	}
}

// A snapshot of a collector that keeps lives has those that go on, too, as a report has
// them, and the collector goes on as if there had been none.
func TestSnapshotHasOpenLives(t *testing.T) {
	looked, alone := watching(), watching()
	for _, c := range []*Collector{looked, alone} {
		c.KeepLives()
		feed(c, 1, 200)
	}
	lives := func(r *Report) string { // the order within a merged cause may differ
		var list []string
		for i := range r.Causes {
			for life := range r.Causes[i].Lives.All() {
				list = append(list, fmt.Sprintf("%d %d-%d\n", i, life.Created, life.Ended))
			}
		}
		slices.Sort(list)
		return strings.Join(list, "")
	}
	first := lives(looked.Snapshot(ByCause, 1000))
	feed(looked, 200, 210)
	feed(alone, 200, 210)
	if got, want := lives(looked.Snapshot(ByCause, 1000)), lives(alone.Report()); got != want {
		t.Errorf("the snapshot has\n%s\nthe report\n%s", got, want)
	}
	if again := lives(looked.Snapshot(ByCause, 1000)); len(first) == 0 || len(again) <= len(first) {
		t.Errorf("%d bytes of lives, then %d", len(first), len(again))
	}
}

// Identify names the cause that a report counts a creation to, and the one that merges all
// that are like it.
func TestIdentify(t *testing.T) {
	c := watching()
	feed(c, 1, 2000)
	ids := make(map[uint64]bool)
	for _, cause := range c.Snapshot(ByCause, 1000).Causes {
		ids[cause.ID] = true
	}
	for _, argv := range [][]string{{"hostnamectl", "--static"}, {"ip", "netns", "add", "chk-0001"}} {
		id := Identify(by(1, 1000, argv...).Attribution)
		if !ids[id.ID] && !ids[id.FamilyID] {
			t.Errorf("%q: %x and %x are not among %v", argv, id.ID, id.FamilyID, ids)
		}
	}
	if id := Identify(by(1, 1000, "unshare").Attribution); id.FamilyID != 0 || id.ID == 0 {
		t.Errorf("%+v", id)
	}
}
