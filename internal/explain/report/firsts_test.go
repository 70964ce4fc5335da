package report

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Of each cause it is said once what to try first, and of those that differ in the
// arguments of a command once for all, if it is the same.
func TestFirsts(t *testing.T) {
	f := NewFirsts()
	want := func(k *finding.Attribution, advice AdviceCode) {
		t.Helper()
		got := f.Of(k)
		switch {
		case got == nil && advice != "":
			t.Errorf("nothing is told, want %s", advice)
		case got != nil && got.Do.Code != advice:
			t.Errorf("told %+v, want %q", got, advice)
		}
	}
	want(plain(100, cronPath, "ip", "netns", "add", "chk-1"), AdviceChangeCrontab)
	want(plain(101, cronPath, "ip", "netns", "add", "chk-1"), "")
	want(plain(102, cronPath, "ip", "netns", "add", "chk-2"), "")
	want(plain(103, "/system.slice/other.service", "ip", "netns", "add", "chk-3"), AdviceChangeCommandIn)
	want(hostnamed(104, "hostnamectl", "--static"), AdviceReadStaticHostname)
	want(hostnamed(105, "hostnamectl", "--static"), "")
	want(hostnamed(106, "hostnamectl", "--pretty"), AdviceReadPrettyHostname)
}

// What was missed decides what is advised where the origin is not known.
func TestFirstsKnowWhatWasMissed(t *testing.T) {
	unknown := func(pid uint32, path string) *finding.Attribution {
		k := ofUnit(pid, path)
		k.Origin = finding.Origin{Trigger: finding.TriggerUnknown}
		return k
	}
	f := NewFirsts()
	if m := f.Of(unknown(100, "/system.slice/a.service")); m == nil || m.Do.Code != AdviceSeeUnit {
		t.Errorf("%+v", m)
	}
	f.Observe(event.Event{Body: &event.Loss{Kind: event.LossCreation, Count: 1}})
	if m := f.Of(unknown(101, "/system.slice/b.service")); m == nil || m.Do.Code != AdviceLargerBuffer {
		t.Errorf("%+v", m)
	}
}
