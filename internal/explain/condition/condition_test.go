package condition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"created": "created", "created-by=a*.service": "created-by=a*.service", "caused-by=a=b": "caused-by=a=b.service", "created-by=cron": "created-by=cron.service", "created-by=a,failed": "",
		"for-pod=a/b": "for-pod=a/b", "caused-by=pod/a/b*": "caused-by=pod/a/b*", "caused-by=job/a": "",
		"caused-by=user@1/a.service": "caused-by=user@1/a.service", "caused-by=*/*": "caused-by=*/*", "caused-by=shop/web": "", "for-pod": "", "for-workload=[": "", "for-container=a*": "for-container=a*",
		"failed": "failed", "leaked": "leaked", "lost": "lost", "unknown": "unknown",
		"": "", "Created": "", "created=": "", "created=x": "", "created-by": "", "created-by=": "", "caused-by=[": "", "x=y": "",
	} {
		got, err := Parse(text)
		if (err != nil) != (want == "") || got.String() != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// story feeds a judge.
type story struct {
	*Judge
	t *testing.T
}

func judge(t *testing.T, conditions ...string) *story {
	t.Helper()
	var list []Condition
	for _, text := range conditions {
		c, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return &story{NewJudge(list), t}
}

func (s *story) see(bodies ...event.Body) *story {
	s.t.Helper()
	for _, b := range bodies {
		if err := s.Consume(&finding.Observed{Event: event.Event{Body: b}}); err != nil {
			s.t.Fatal(err)
		}
	}
	return s
}

// create is a creation in a unit, caused by another.
func (s *story) create(serial uint64, errno uint32, unit, origin string) *story {
	k := &finding.Attribution{
		Creation:  &lineage.Creation{Netns: event.NetnsCreate{Serial: serial, Errno: errno}},
		Placement: placed(unit),
		Origin:    finding.Origin{Trigger: finding.TriggerCommand, Unit: origin, Placement: placed(origin)},
	}
	if origin == "" {
		k.Origin.Trigger = finding.TriggerUnknown
	}
	s.see(&k.Netns)
	s.judged(k, true)
	return s
}

// placed is the placement of a unit. That of a user's manager has the user in
// front: "1000/a.service".
func placed(name string) cgroup.Placement {
	user, own, isUsers := strings.Cut(name, "/")
	if !isUsers {
		return cgroup.Placement{Unit: name, Manager: event.ManagerSystem}
	}
	uid, _ := strconv.ParseUint(user, 10, 32)
	return cgroup.Placement{Unit: own, Manager: event.ManagerUser, OwnerUID: uint32(uid), HasOwner: true}
}

// judged has the causes of a creation follow.
func (s *story) judged(k *finding.Attribution, selected bool) {
	s.t.Helper()
	if err := s.Consume(&finding.Created{Attribution: k, Selected: selected}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) verdict() []string {
	s.t.Helper()
	met, err := s.Verdict()
	if err != nil {
		s.t.Fatal(err)
	}
	var list []string
	for _, m := range met {
		text := fmt.Sprintf("%s: %d", m.Condition, m.Count)
		if m.Doubt != (Doubt{}) {
			text += fmt.Sprintf(", %s %d", m.Doubt.Kind, m.Doubt.Count)
		}
		list = append(list, text)
	}
	return list
}

func (s *story) want(list ...string) {
	s.t.Helper()
	if diff := cmp.Diff(list, s.verdict()); diff != "" {
		s.t.Errorf("(-want +got)\n%s", diff)
	}
}

var all = []string{"created", "created-by=a.service", "caused-by=*.timer", "failed", "leaked", "lost", "unknown"}

func watched() event.Body { return &event.Coverage{Probe: event.ProbeRelease, Live: true} }

func end(n uint64) event.Body { return &event.End{Seen: n} }

func TestVerdict(t *testing.T) {
	judge(t, all...).see(watched(), end(0)).want()
	judge(t, all...).see(watched()).create(1, 0, "b.service", "b.service").
		see(&event.NetnsRelease{Serial: 1}, end(1)).want("created: 1")
	judge(t, all...).see(watched()).create(1, 0, "a.service", "x.timer").create(2, 28, "a.service", "x.timer").see(end(2)).
		want("created: 1", "created-by=a.service: 1", "caused-by=*.timer: 2", "failed: 1", "leaked: 1")
	judge(t, "unknown", "caused-by=x.service").create(1, 0, "a.service", "").see(end(1)).
		want("unknown: 1", "caused-by=x.service: 0, origins_unknown 1")
	judge(t, "lost").see(&event.Loss{Kind: event.LossForget, Count: 2}, &event.Damage{Blocks: 1}, end(0)).want("lost: 3")
	// a pattern is of the whole name, and a name is its own pattern
	judge(t, "created-by=a", `created-by=a\x2db.service`).create(1, 0, `a\x2db.service`, "x").see(end(1)).
		want(`created-by=a\x2db.service: 1`)
}

// A unit of a user's own manager meets no condition on the system's of that name. It
// has to be asked for, as has that manager's service.
func TestWhoseUnit(t *testing.T) {
	for _, tc := range []struct {
		pattern, unit string
		met           bool
	}{
		{"cron.service", "cron.service", true},
		{"cron.service", "1000/cron.service", false},
		{"c*", "1000/cron.service", false},
		{"*", "1000/cron.service", true}, // the system's user@1000.service
		{"*.timer", "1000/job.timer", false},
		{"user@1000/cron.service", "1000/cron.service", true},
		{"user@1000/cron.service", "1001/cron.service", false},
		{"user@1000/cron.service", "cron.service", false},
		{"user@*/cron.service", "1001/cron.service", true},
		{"*/*", "1001/cron.service", true},
		{"user@1000.service", "1000/cron.service", true},
	} {
		for _, name := range []string{"created-by=", "caused-by="} {
			condition := name + tc.pattern
			s := judge(t, condition).create(1, 0, tc.unit, tc.unit).see(end(1))
			if tc.met {
				s.want(condition + ": 1")
			} else {
				s.want()
			}
		}
	}
}

// What may have happened unseen is not ruled out.
func TestDoubt(t *testing.T) {
	judge(t, "created", "failed").see(&event.Loss{Kind: event.LossCreation, Count: 2}, end(2)).
		want("created: 0, creations_lost 2", "failed: 0, creations_lost 2")
	judge(t, "created").see(&event.Loss{Kind: event.LossCreation, Count: 2}).create(1, 0, "a", "a").see(end(3)).
		want("created: 1, creations_lost 2")
	judge(t, "created").see(end(2)).want("created: 0, creations_unseen 2")
	judge(t, "created").want("created: 0, stream_cut_off 0")
	judge(t, "lost").want("lost: 0, stream_cut_off 0")
	judge(t, "created").see(&event.Damage{}, end(0)).want("created: 0, recording_damaged 0")
	// what can't hide a creation raises no doubt
	judge(t, "created").see(&event.Loss{Kind: event.LossForget, Count: 2}, end(0)).want()
}

// Without the probe on the end of namespaces nothing can be said of leaks: as
// soon as that is known, and at the end at the latest.
func TestLeakedNeedsTheProbe(t *testing.T) {
	var unjudged *NotJudgedError
	s := judge(t, "created", "leaked")
	if err := s.Consume(&finding.Observed{Event: event.Event{Body: &event.Coverage{Probe: event.ProbeRelease, Why: "refused"}}}); !errors.As(err, &unjudged) {
		t.Errorf("%v", err)
	}
	if _, err := judge(t, "leaked").see(end(0)).Verdict(); !errors.As(err, &unjudged) {
		t.Errorf("%v", err)
	}
	judge(t, "created").see(&event.Coverage{Probe: event.ProbeRelease}, end(0)).want()
}

// Filtered creations don't count, and a namespace may end before its causes are
// known.
func TestWhatCounts(t *testing.T) {
	s := judge(t, "created", "leaked").see(watched())
	k := &finding.Attribution{Creation: &lineage.Creation{Netns: event.NetnsCreate{Serial: 1}}}
	s.see(&k.Netns)
	s.judged(k, false)
	k = &finding.Attribution{Creation: &lineage.Creation{Netns: event.NetnsCreate{Serial: 2}}}
	s.see(&k.Netns, &event.NetnsRelease{Serial: 2})
	s.judged(k, true)
	s.see(end(2)).want("created: 1")
}

// Leaked is exactly what was created, selected and not given up, in whatever
// order that comes.
func TestLeakedProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := judge(t, "leaked").see(watched())
		alive := make(map[uint64]bool)
		n := uint64(rapid.IntRange(0, 20).Draw(rt, "n"))
		for serial := range n {
			k := &finding.Attribution{Creation: &lineage.Creation{Netns: event.NetnsCreate{Serial: serial + 1}}}
			s.see(&k.Netns)
			selected, gone := rapid.Bool().Draw(rt, "selected"), rapid.IntRange(0, 2).Draw(rt, "gone")
			if gone == 1 {
				s.see(&event.NetnsRelease{Serial: serial + 1})
			}
			s.judged(k, selected)
			if gone == 2 {
				s.see(&event.NetnsFree{Serial: serial + 1})
			}
			if selected && gone == 0 {
				alive[serial] = true
			}
		}
		got := s.see(end(n)).verdict()
		var want []string
		if len(alive) > 0 {
			want = []string{fmt.Sprintf("leaked: %d", len(alive))}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// For whom a namespace is may become known after the creation was shown.
func TestForWhom(t *testing.T) {
	pod := &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: "web-1"}}
	create := func(s *story, serial uint64, whom *finding.For) *finding.Attribution {
		k := &finding.Attribution{Creation: &lineage.Creation{Netns: event.NetnsCreate{Serial: serial}}, For: whom}
		s.see(&k.Netns)
		s.judged(k, true)
		return k
	}
	s := judge(t, "for-pod=shop/web-*", "for-pod=db", "for-workload=web", "for-container=*")
	create(s, 1, pod)
	create(s, 2, nil)
	s.see(end(2)).want("for-pod=shop/web-*: 1")

	s = judge(t, "for-pod=web-1", "for-pod=db")
	k := create(s, 1, &finding.For{})
	s.see(end(1)).want("for-pod=web-1: 0, for_unknown 1", "for-pod=db: 0, for_unknown 1")
	if err := s.Consume(&finding.NetnsFor{Created: k, For: pod}); err != nil {
		t.Fatal(err)
	}
	s.want("for-pod=web-1: 1")
}

// Namespaces for which there is no room count as leaked, and are in doubt.
func TestTooManyToFollowAreInDoubt(t *testing.T) {
	s := judge(t, "leaked")
	const n = 20_000
	for i := range uint64(n) {
		netns := event.NetnsCreate{Serial: i + 1, UID: 1000}
		for _, f := range []finding.Finding{
			&finding.Observed{Event: event.Event{Body: &event.Coverage{Probe: event.ProbeRelease, Live: true}}},
			&finding.Observed{Event: event.Event{Body: &netns}},
			&finding.Created{Selected: true, Attribution: finding.NewAttribution(&lineage.Creation{Netns: netns})},
		} {
			if err := s.Consume(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := s.alive.Bytes() + s.undecided.Bytes(); got > aliveBudget+undecidedBudget {
		t.Errorf("%d bytes are kept", got)
	}
	met, err := s.Verdict()
	if err != nil || len(met) != 1 || met[0].Count != n || met[0].Doubt.Kind != EndsLost || met[0].Doubt.Count == 0 {
		t.Errorf("%+v, %v", met, err)
	}
}
