package story

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func creation(serial uint64, inum, pid uint32, to *finding.For) *finding.Attribution {
	return &finding.Attribution{For: to, Creation: &lineage.Creation{
		BootNS: serial * 100, Process: lineage.Process{ID: event.ProcessID{PID: pid}, TID: pid},
		Netns: event.NetnsCreate{Serial: serial, Inum: inum, Call: event.CallUnshare},
	}}
}

func tell(t *testing.T, c finding.Consumer, list ...finding.Finding) {
	t.Helper()
	for _, f := range list {
		if err := c.Consume(f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFinder(t *testing.T) {
	web := &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: "web-1", UID: "u-1"}}
	one, two, three := creation(1, 4026532000, 7, nil), creation(2, 4026532000, 8, web), creation(3, 4026532001, 9, nil)
	failed := creation(4, 4026532000, 7, nil)
	failed.Netns.Errno = 28
	stream := []finding.Finding{
		&finding.Created{Attribution: one}, &finding.Created{Attribution: two}, &finding.Created{Attribution: three},
		&finding.Created{Attribution: failed}, &finding.NetnsFor{Created: three, For: web},
		&finding.Joined{Created: two, Netns: event.NetnsJoin{Serial: 2}, Process: lineage.Process{ID: event.ProcessID{PID: 70}}},
		&finding.Joined{Created: one, Netns: event.NetnsJoin{Serial: 1}, Process: lineage.Process{ID: event.ProcessID{PID: 71}}, Then: finding.ThenLeft},
	}
	for name, tc := range map[string]struct {
		query Query
		want  []uint64
	}{
		"number":     {Query{Inum: 4026532000}, []uint64{1, 2}},
		"creator":    {Query{PID: 7}, []uint64{1}},
		"occupant":   {Query{PID: 70}, []uint64{2}},
		"visitor":    {Query{PID: 71}, nil},
		"pod":        {Query{Pod: "shop/web-*"}, []uint64{2, 3}},
		"uid of one": {Query{Pod: "u-1"}, []uint64{2, 3}},
		"no pod":     {Query{Pod: "db"}, nil},
	} {
		x := NewFinder(tc.query)
		tell(t, x, stream...)
		if len(x.List) != len(tc.want) || x.Count != len(tc.want) {
			t.Errorf("%s: %+v", name, x.List)
			continue
		}
		for i, m := range x.List {
			if m.Serial != tc.want[i] {
				t.Errorf("%s: %+v", name, x.List)
			}
		}
	}
}

// The story is of one namespace alone. Who was seen in it holds it until he ends.
func TestStory(t *testing.T) {
	s := New(2)
	other, own := creation(1, 5, 7, nil), creation(2, 6, 8, nil)
	join := func(serial uint64, pid uint32, then finding.Then) *finding.Joined {
		return &finding.Joined{Netns: event.NetnsJoin{Serial: serial}, Process: lineage.Process{ID: event.ProcessID{PID: pid}}, Then: then}
	}
	exit := func(pid uint32) *finding.Observed {
		return &finding.Observed{Event: event.Event{BootNS: 900, Body: &event.Exit{Process: event.ProcessID{PID: pid}}}}
	}
	tell(t, s, &finding.Observed{Event: event.Event{Body: &event.Coverage{Probe: event.ProbeRelease, Live: true}}},
		&finding.Created{Attribution: other}, &finding.Created{Attribution: own}, join(2, 70, finding.ThenExec), join(2, 71, finding.ThenLeft),
		join(1, 72, finding.ThenExec), exit(8), exit(99))
	if s.Created != own || len(s.Occupants) != 1 || s.Visitors != 1 || s.Over() || !s.Watched || s.Gaps || s.UntilNS != 900 {
		t.Errorf("%+v", s)
	}
	if in := s.Inside(); len(in) != 1 || in[0].ID.PID != 70 {
		t.Errorf("inside: %+v", in)
	}
	release := &finding.Ended{Release: &finding.Release{Netns: event.NetnsRelease{Serial: 2}}}
	tell(t, s, &finding.Ended{Release: &finding.Release{Netns: event.NetnsRelease{Serial: 1}}}, exit(70))
	if s.Over() || len(s.Inside()) != 0 {
		t.Error("it ended by what is of another")
	}
	tell(t, s, release, &finding.Ended{Release: release.Release, Free: &event.NetnsFree{Serial: 2}},
		&finding.NetnsFor{Created: own, For: &finding.For{Pod: &finding.Pod{Name: "web"}}},
		&finding.Observed{Event: event.Event{Body: &event.Loss{Kind: event.LossEnding}}})
	if !s.Over() || s.Release != release || s.Free == nil || s.Created.For == nil || own.For != nil {
		t.Errorf("%+v", s)
	}
}

// A thread of a larger process may have gone back.
func TestInsideOfThread(t *testing.T) {
	s, c := New(1), creation(1, 5, 7, nil)
	c.Process.TID = 8
	tell(t, s, &finding.Created{Attribution: c})
	if in := s.Inside(); len(in) != 0 {
		t.Errorf("%+v", in)
	}
}
