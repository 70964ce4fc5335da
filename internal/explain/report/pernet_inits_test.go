package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

func loaded(subsystem string, namespaces, errno uint32, by *finding.Attribution) *finding.PernetInit {
	return &finding.PernetInit{
		Init: event.PernetInit{Subsystem: subsystem, Namespaces: namespaces, DurationNS: 5, Errno: errno}, Attribution: by,
	}
}

func selected(l *finding.PernetInit) *finding.PernetInit {
	l.Selected = true
	return l
}

// Loadings belong together by module and cause; they are no creations.
func TestPernetInits(t *testing.T) {
	s := newStory()
	modprobe := func(n uint32) *finding.Attribution { return plain(n, cronPath, "modprobe", "ip_vs") }
	s.load(selected(loaded("nf_conntrack", 2, 0, modprobe(60))))
	s.load(selected(loaded("ip_vs", 2, 0, modprobe(60))))
	s.load(selected(loaded("ip_vs", 3, 12, modprobe(61))))
	s.load(selected(loaded("ip_vs", 7, 0, plain(62, cronPath, "insmod", "x.ko"))))
	s.load(loaded("ip_vs", 9, 0, modprobe(63)))
	r := s.Report()
	if r.Selected != 0 || len(r.Causes) != 0 {
		t.Errorf("%d creations, %d causes", r.Selected, len(r.Causes))
	}
	var got []string
	for _, l := range r.PernetInits {
		got = append(got, fmt.Sprintln(l.Subsystem, l.Cause.Command, l.Count, l.Failed, l.Namespaces, l.Sum))
	}
	want := []string{
		"nf_conntrack [modprobe ip_vs] 1 0 2 5\n", "ip_vs [modprobe ip_vs] 2 1 5 10\n", "ip_vs [insmod x.ko] 1 0 7 5\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTooManyPernetInits(t *testing.T) {
	s := newStory()
	for i := range maxPernetInits + 2 {
		s.load(selected(loaded(fmt.Sprint(i), 1, 0, plain(60, cronPath, "modprobe"))))
	}
	s.load(selected(loaded("0", 1, 0, plain(60, cronPath, "modprobe"))))
	if r := s.Report(); len(r.PernetInits) != maxPernetInits || r.PernetInitsUngrouped != 2 || r.PernetInits[0].Count != 2 {
		t.Errorf("%d kept, %d not, the first %d times", len(r.PernetInits), r.PernetInitsUngrouped, r.PernetInits[0].Count)
	}
}
