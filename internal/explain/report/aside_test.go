package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// unnamed is the namespace of a sandbox of which it is not known yet which pod it is for,
// or only by a guess.
func unnamed(serial uint64, guess *finding.Pod) *finding.Attribution {
	k := sandbox("", "", "", 0, nil)
	k.BootNS, k.Netns.Serial, k.Netns.Inum = serial*second, serial, uint32(serial)
	k.Origin = finding.Origin{Trigger: finding.TriggerUnknown, Evidence: evidence.Unknown, Why: finding.Reason{Code: finding.ReasonNoEngineRequest}}
	k.For = &finding.For{Evidence: evidence.Unknown}
	if guess != nil {
		k.For = &finding.For{Pod: guess, Evidence: evidence.Inferred}
	}
	return k
}

// named is the same once a plugin has told.
func named(serial uint64, name string) *finding.Attribution {
	k := unnamed(serial, nil)
	k.For = &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: name, UID: name}, Evidence: evidence.Kernel}
	return k
}

// shows has a collector see the life of a namespace, and for whom it was once that is
// known, at the end of its life or during it.
func shows(c *Collector, k, then *finding.Attribution, afterIts bool) {
	serial := k.Netns.Serial
	c.observe(event.Event{BootNS: k.BootNS, Body: &event.NetnsCreate{Serial: serial}})
	consume(c, &finding.Created{Attribution: k, Selected: true})
	end := func() {
		if serial%3 != 0 {
			c.observe(event.Event{BootNS: k.BootNS + serial, Body: &event.NetnsRelease{Serial: serial}})
			c.observe(event.Event{BootNS: k.BootNS + 2*serial, Body: &event.NetnsFree{Serial: serial, DurationNS: 1e6}})
		}
	}
	if afterIts {
		end()
	}
	if then != nil {
		consume(c, &finding.NetnsFor{BootNS: k.BootNS + second, Created: k, For: then.For})
	}
	if !afterIts {
		end()
	}
}

func consume(c *Collector, f finding.Finding) {
	if err := c.Consume(f); err != nil {
		panic(err)
	}
}

// What becomes known late counts as what is known at once, with all that became of the
// namespace.
func TestPodThatIsKnownLate(t *testing.T) {
	for _, by := range []By{ByCause, ByPod, ByWorkload} {
		for _, afterIts := range []bool{false, true} {
			late, atOnce := watching(), watching()
			late.GroupBy(by)
			atOnce.GroupBy(by)
			wrong := &finding.Pod{Namespace: "shop", Name: "other", UID: "other"}
			for i := range uint64(12) {
				k := unnamed(i+1, nil)
				if i%2 == 0 {
					k = unnamed(i+1, wrong)
				}
				then := named(i+1, fmt.Sprintf("web-%d", i%2))
				shows(late, k, then, afterIts)
				shows(atOnce, then, nil, afterIts)
			}
			want := asText(t, atOnce.Snapshot(by, 100))
			if d := cmp.Diff(want, asText(t, late.Snapshot(by, 100))); d != "" {
				t.Errorf("by %q, snapshot (-at once +late):\n%s", by, d)
			}
			r := late.Report()
			if d := cmp.Diff(asText(t, atOnce.Report()), asText(t, r)); d != "" {
				t.Errorf("by %q (-at once +late):\n%s", by, d)
			}
			if by == ByCause && (len(r.Causes) != 2 || r.Causes[0].Count != 6 || r.Causes[0].Whom.Pod != "web-0") {
				t.Errorf("%d causes, the first is %d times for %+v", len(r.Causes), r.Causes[0].Count, r.Causes[0].Whom)
			}
		}
	}
}

// What stays unknown is one cause, however many creations it has: in each snapshot, and
// in the report.
func TestPodsThatStayUnknown(t *testing.T) {
	c := watching()
	const n = 3*maxAside + 1
	for i := range uint64(n) {
		shows(c, unnamed(i+1, nil), nil, false)
		if r := c.Snapshot(ByCause, 100); len(r.Causes) != 1 || r.Causes[0].Count != i+1 || r.Selected != i+1 {
			t.Fatalf("after %d: %d causes, the first with %d", i+1, len(r.Causes), r.Causes[0].Count)
		}
	}
	if len(c.aside.of) != maxAside {
		t.Errorf("%d are set aside", len(c.aside.of))
	}
	// one that was counted already stays where it is
	consume(c, &finding.NetnsFor{Created: unnamed(1, nil), For: named(1, "web").For})
	consume(c, &finding.NetnsFor{Created: unnamed(n, nil), For: named(n, "web").For})
	r := c.Report()
	if len(r.Causes) != 2 || r.Causes[0].Count != n-1 || r.Causes[1].Count != 1 || r.Causes[1].Whom.Pod != "web" {
		t.Errorf("%d causes, the first with %d", len(r.Causes), r.Causes[0].Count)
	}
	if left := len(c.aside.of) + len(c.aside.order); left != 0 {
		t.Errorf("%d are still aside", left)
	}
}

// A guess that a plugin confirms only in part waits on.
func TestGuessThatIsReplacedTwice(t *testing.T) {
	c := watching()
	guess := func(name string) *finding.Pod { return &finding.Pod{Namespace: "shop", Name: name, UID: name} }
	k := unnamed(1, guess("first"))
	shows(c, k, unnamed(1, guess("second")), false)
	consume(c, &finding.NetnsFor{Created: k, For: named(1, "third").For})
	r := c.Report()
	if len(r.Causes) != 1 || r.Causes[0].Whom.Pod != "third" || r.Causes[0].Pods.N != 1 {
		t.Errorf("%d causes: %+v, pods %+v", len(r.Causes), r.Causes[0].Whom, r.Causes[0].Pods)
	}
}
