package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/systemd"
)

func TestVerdict(t *testing.T) {
	finding := func(name string, v kernel.Verdict, required bool) kernel.Finding {
		return kernel.Finding{Name: name, Verdict: v, Required: required}
	}
	tests := []struct {
		name   string
		checks []kernel.Finding
		want   string
	}{
		{"all well", []kernel.Finding{finding("a", kernel.OK, true)}, "nsblame can trace here"},
		{
			"less",
			[]kernel.Finding{finding("a", kernel.Degraded, false), finding("b", kernel.Missing, false)},
			"nsblame can trace here, with less from: a, b",
		},
		{
			"unclear",
			[]kernel.Finding{finding("a", kernel.Unknown, true), finding("b", kernel.Missing, false)},
			"nsblame can perhaps trace here. Not clear: a",
		},
		{
			"blocked",
			[]kernel.Finding{finding("a", kernel.Unknown, true), finding("b", kernel.Missing, true)},
			"nsblame cannot trace here. Missing: b",
		},
		{"an optional unknown", []kernel.Finding{finding("a", kernel.Unknown, false)}, "nsblame can trace here"},
	}
	for _, tt := range tests {
		if got := (diagnosis{checks: tt.checks}).verdict(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDoctorText(t *testing.T) {
	d := diagnosis{
		checks: []kernel.Finding{
			{Name: "kernel", Verdict: kernel.OK, Detail: "6.1"},
			{Name: "rights", Verdict: kernel.Missing, Required: true, Detail: "none", Remedy: "be root"},
		},
		manager: []kernel.Finding{{Name: "systemd", Verdict: kernel.OK, Detail: "252"}},
		probes:  []kernel.Finding{{Name: "__ip_vs_init", Verdict: kernel.Unknown, How: "fentry", Detail: "not \x1btried"}},
	}
	const want = `nsblame cannot trace here. Missing: rights.

kernel and rights
  ok        kernel        6.1
  missing   rights        none
                          -> be root
probes
  unknown   __ip_vs_init  fentry: not \x1btried (optional)
systemd
  ok        systemd       252
`
	if plain := d.full(false); plain != want {
		t.Errorf("got\n%s\nwant\n%s", plain, want)
	}
	colored := d.full(true)
	bare := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(colored)
	if bare != want || colored == want {
		t.Errorf("in colour:\n%q", colored)
	}
}

// The verdict comes first, then what to do, once for all that it mends, and all fits
// on one screen.
func TestDoctorBrief(t *testing.T) {
	d := diagnosis{
		checks: []kernel.Finding{
			{Name: "kernel", Verdict: kernel.OK, Detail: "6.1"},
			{Name: "preemption", Verdict: kernel.Degraded, Detail: "tasks can lose the \x1bprocessor"},
			{Name: "program:kprobe", Verdict: kernel.Missing, Detail: "no tracefs", Remedy: "mount it"},
		},
		probes: []kernel.Finding{
			{Name: "copy_net_ns", Verdict: kernel.Missing, Required: true, Detail: strings.Repeat("long ", 200), Remedy: "be root, or give it the rights that it needs to trace"},
			{Name: "netns_put", Verdict: kernel.Degraded, Detail: "refused", Remedy: "be root, or give it the rights that it needs to trace"},
			{Name: "__put_net", Verdict: kernel.Degraded, Detail: "refused", Remedy: "be root, or give it the rights that it needs to trace"},
		},
	}
	d.probes[0].Detail = "refused"
	const want = `nsblame cannot trace here. Missing: copy_net_ns.

To do: be root, or give it the rights that it
       needs to trace.
  missing   copy_net_ns: refused
  degraded  netns_put, __put_net

To do: mount it.
  missing   program:kprobe: no tracefs

Nothing to do about:
  degraded  preemption: tasks can lose the
            \x1bprocessor

1 of 6 checks are ok: nsblame doctor --verbose
shows them.
`
	if got := d.brief(false, 48); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for i := range 60 {
		d.probes = append(d.probes, kernel.Finding{Name: "p", Verdict: kernel.Missing, Detail: strings.Repeat("long ", 200), Remedy: fmt.Sprint("do ", i)})
	}
	got := d.brief(true, 80)
	if n := strings.Count(got, "\n"); n > maxBrief || n < maxBrief-1 || !strings.HasPrefix(got, "nsblame cannot trace here.") || !strings.Contains(got, "This is not all.") {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

// oneManager answers as told.
type oneManager struct {
	has bool
	err error
}

func (m oneManager) Boot(context.Context) (event.ManagerBoot, error) {
	return event.ManagerBoot{Version: "247"}, m.err
}
func (m oneManager) NamesFailed(context.Context) (bool, error) { return m.has, m.err }

func TestDoctorSystemd(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    oneManager
		want [2]kernel.Verdict
	}{
		{"all", oneManager{has: true}, [2]kernel.Verdict{kernel.OK, kernel.OK}},
		{"old", oneManager{}, [2]kernel.Verdict{kernel.OK, kernel.Degraded}},
		{"none", oneManager{err: fmt.Errorf("ask: %w", systemd.ErrNoManager)}, [2]kernel.Verdict{kernel.Degraded, kernel.Unknown}},
		{"silent", oneManager{err: context.DeadlineExceeded}, [2]kernel.Verdict{kernel.Degraded, kernel.Unknown}},
	} {
		var got [2]kernel.Verdict
		for i, f := range checkSystemd(t.Context(), tc.m) {
			got[i] = f.Verdict
			if f.Detail == "" || f.Required {
				t.Errorf("%s: %+v", tc.name, f)
			}
		}
		if got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
