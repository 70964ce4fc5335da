package life

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// stage is a Tracker with its tree, fed as the engine does.
type stage struct {
	tree    *lineage.Tree
	tracker *Tracker
}

func newStage(probes ...event.Probe) *stage {
	tree := lineage.NewTree()
	s := &stage{tree, New(tree)}
	for _, p := range probes {
		s.feed(0, &event.Coverage{Probe: p, Live: true})
	}
	return s
}

func (s *stage) feed(at uint64, b event.Body) *finding.Ended {
	ev := event.Event{BootNS: at, Body: b}
	s.tree.Observe(ev)
	return s.tracker.Observe(ev)
}

func creation(serial uint64, inum uint32) event.NetnsCreate {
	return event.NetnsCreate{Serial: serial, Inum: inum}
}

func created(n event.NetnsCreate, selected bool) *finding.Created {
	c := finding.NewAttribution(&lineage.Creation{BootNS: n.Serial, Netns: n})
	return &finding.Created{Attribution: c, Selected: selected}
}

func (s *stage) create(n event.NetnsCreate) { s.feed(n.Serial, &n) }

func TestEndWaitsForItsCreation(t *testing.T) {
	for _, show := range []bool{true, false} {
		s := newStage(event.ProbeRelease, event.ProbeNetFree)
		n := creation(5, 100)
		s.create(n)
		if e := s.feed(6, &event.NetnsRelease{Serial: 5, Inum: 100, CreatedNS: 5}); e != nil {
			t.Fatalf("reported too early: %+v", e)
		}
		if e := s.feed(9, &event.NetnsFree{Serial: 5, Inum: 100, CreatedNS: 5, ReleasedNS: 6}); e != nil {
			t.Fatalf("reported too early: %+v", e)
		}
		ends := s.tracker.Decide(created(n, show))
		if !show {
			if len(ends) > 0 {
				t.Errorf("the ends of what is not shown: %+v", ends)
			}
			continue
		}
		if len(ends) != 2 || ends[0].Free != nil || ends[1].Free == nil {
			t.Fatalf("reported %+v", ends)
		}
		for _, e := range ends {
			if ns, known := e.Lifetime(); !known || ns != 1 || e.Created == nil || e.Created.Netns.Serial != 5 || e.Release == nil || e.Inum() != 100 {
				t.Errorf("%+v", e)
			}
		}
		if diff := cmp.Diff(finding.Counts{Known: true}, s.tracker.Counts()); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	}
}

// A namespace whose creation was not seen, or lost, ends all the same.
func TestUnknownCreation(t *testing.T) {
	s := newStage(event.ProbeRelease, event.ProbeNetFree)
	for _, serial := range []uint64{0, 77} {
		release := s.feed(10, &event.NetnsRelease{Serial: serial, Inum: 3, Cookie: 8})
		if release == nil || release.Created != nil || release.Final {
			t.Fatalf("serial %d: %+v", serial, release)
		}
		if _, known := release.Lifetime(); known {
			t.Error("a lifetime of what was not seen to begin")
		}
		free := s.feed(20, &event.NetnsFree{Serial: serial, Inum: 3, Cookie: 8, ReleasedNS: 10})
		if free == nil || free.Release != release.Release || free.Cookie() != 8 {
			t.Errorf("serial %d: %+v", serial, free)
		}
	}
	if free := s.feed(30, &event.NetnsFree{Inum: 3, ReleasedNS: 25}); free == nil || free.Release != nil {
		t.Errorf("a release that was lost: %+v", free)
	}
}

// Who released it is described as of then: it may be forgotten next.
func TestReleaserAsOfThen(t *testing.T) {
	s := newStage(event.ProbeRelease, event.ProbeNetFree)
	id, init := event.ProcessID{PID: 9, StartNS: 1}, event.ProcessID{PID: 1}
	s.feed(1, &event.Process{ID: init, Comm: "systemd"})
	s.feed(1, &event.Process{ID: id, Parent: init, Comm: "server", Exited: true, ExitCode: 9})
	release := s.feed(2, &event.NetnsRelease{Inum: 3, By: id, TID: 12, Comm: "worker", Exiting: true})
	s.feed(3, &event.Forget{Process: id})
	free := s.feed(4, &event.NetnsFree{Inum: 3, ReleasedNS: 2})
	if release == nil || free == nil || free.Release != release.Release {
		t.Fatalf("release %+v, free %+v", release, free)
	}
	by := free.Release.By
	if by == nil || by.TID != 12 || by.Comm != "worker" || !by.Exited || len(free.Release.Ancestry) != 1 || free.Release.AncestryWhy != "" {
		t.Errorf("by %+v < %+v %s", by, free.Release.Ancestry, free.Release.AncestryWhy)
	}
}

// Where no probe tells of the end of the teardown, the release is the end.
func TestWithoutFree(t *testing.T) {
	s := newStage(event.ProbeRelease)
	n := creation(5, 100)
	s.create(n)
	s.tracker.Decide(created(n, true))
	if e := s.feed(6, &event.NetnsRelease{Serial: 5, Inum: 100}); e == nil || !e.Final {
		t.Fatalf("%+v", e)
	}
	if c := s.tracker.Counts(); c != (finding.Counts{Known: true}) {
		t.Errorf("%+v", c)
	}
	// those that have ended make room
	for i := range uint64(2 * many) {
		n := creation(i+10, 100)
		s.create(n)
		s.tracker.Decide(created(n, true))
		s.feed(i+11, &event.NetnsRelease{Serial: n.Serial, Inum: 100})
	}
	if c := s.tracker.Counts(); c != (finding.Counts{Known: true}) {
		t.Errorf("%+v", c)
	}
}

// What an earlier version recorded has no times of the creation and the
// release with the end.
func TestEarlierRecording(t *testing.T) {
	s := newStage(event.ProbeRelease)
	n := creation(5, 100)
	s.create(n)
	s.tracker.Decide(created(n, true))
	s.feed(7, &event.NetnsRelease{Serial: 5})
	e := s.feed(9, &event.NetnsFree{Serial: 5, DurationNS: 1})
	if e == nil || e.Created == nil || e.Release == nil {
		t.Fatalf("%+v", e)
	}
	if ns, known := e.Lifetime(); !known || ns != 2 {
		t.Errorf("lived %d, known %v", ns, known)
	}
}

func TestCountsNeedTheProbe(t *testing.T) {
	s := newStage()
	n := creation(5, 100)
	s.create(n)
	s.tracker.Decide(created(n, true))
	if c := s.tracker.Counts(); c != (finding.Counts{}) {
		t.Errorf("%+v", c)
	}
}

// many is more than what can be followed.
const many = 1 << 16

func TestTooMany(t *testing.T) {
	s := newStage(event.ProbeRelease, event.ProbeNetFree)
	for i := range uint64(many) {
		s.create(creation(i+1, uint32(i)))
		s.feed(i, &event.NetnsRelease{Inum: uint32(i)})
	}
	kept := s.tracker.alive.Len() + s.tracker.releases.Len()
	if c := s.tracker.Counts(); c.Forgotten == 0 || c.Forgotten != uint64(2*many-kept) {
		t.Errorf("%+v, %d are kept", c, kept)
	}
	for name, s := range map[string]interface{ Bytes() uint64 }{"alive": s.tracker.alive, "releases": s.tracker.releases} {
		if s.Bytes() > aliveBudget {
			t.Errorf("%s: %d bytes", name, s.Bytes())
		}
	}
}

// Whatever the order in which creations are decided and namespaces end, each
// end of a shown one is reported once, after its creation and with it; none of a
// hidden one; and what has ended is not kept.
func TestEveryEndOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStage(event.ProbeRelease, "proc_free_inum")
		count := rapid.IntRange(1, 8).Draw(t, "count")
		type state struct {
			n               event.NetnsCreate
			decided, show   bool
			released, freed bool
			releases, frees int
		}
		var all []*state
		at := uint64(100)
		// few numbers, reused as soon as they are free
		for i := range count {
			all = append(all, &state{n: creation(uint64(i+1), uint32(i%3)), show: rapid.Bool().Draw(t, "show")})
			s.create(all[i].n)
		}
		reported := func(e *finding.Ended) {
			if e == nil {
				return
			}
			if e.Created == nil {
				t.Fatalf("an end without its creation: %+v", e)
			}
			st := all[e.Created.Netns.Serial-1]
			if !st.decided || !st.show {
				t.Fatalf("%+v reported, decided %v, shown %v", e, st.decided, st.show)
			}
			if e.Free != nil {
				st.frees++
			} else {
				st.releases++
			}
		}
		released := make(map[uint64]uint64)
		for left := 3 * count; left > 0; {
			st := all[rapid.IntRange(0, count-1).Draw(t, "which")]
			at++
			switch {
			case !st.decided && (st.freed || rapid.Bool().Draw(t, "decide")):
				st.decided = true
				for _, e := range s.tracker.Decide(created(st.n, st.show)) {
					reported(&e)
				}
			case !st.released:
				st.released = true
				released[st.n.Serial] = at
				reported(s.feed(at, &event.NetnsRelease{Serial: st.n.Serial, Inum: st.n.Inum}))
			case !st.freed:
				st.freed = true
				reported(s.feed(at, &event.NetnsFree{Serial: st.n.Serial, Inum: st.n.Inum, ReleasedNS: released[st.n.Serial]}))
			default:
				continue
			}
			left--
		}
		for _, st := range all {
			want := 0
			if st.show {
				want = 1
			}
			if st.releases != want || st.frees != want {
				t.Fatalf("serial %d: released %d times, freed %d times, want %d", st.n.Serial, st.releases, st.frees, want)
			}
		}
		if n := s.tracker.alive.Len() + s.tracker.gone.Len() + s.tracker.releases.Len(); n > 0 {
			t.Fatalf("%d are still kept", n)
		}
	})
}
