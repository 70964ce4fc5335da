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
		{"all well", []kernel.Finding{finding("a", kernel.OK, true)}, "this machine can be traced"},
		{
			"less",
			[]kernel.Finding{finding("a", kernel.Degraded, false), finding("b", kernel.Missing, false)},
			"this machine can be traced, but with less than all of: a, b",
		},
		{
			"unclear",
			[]kernel.Finding{finding("a", kernel.Unknown, true), finding("b", kernel.Missing, false)},
			"this machine can perhaps be traced; not clear: a",
		},
		{
			"blocked",
			[]kernel.Finding{finding("a", kernel.Unknown, true), finding("b", kernel.Missing, true)},
			"this machine cannot be traced, for want of: b",
		},
		{"an optional unknown", []kernel.Finding{finding("a", kernel.Unknown, false)}, "this machine can be traced"},
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
	const want = `kernel and rights
  ok        kernel        6.1
  missing   rights        none
                          -> be root
probes
  unknown   __ip_vs_init  fentry: not \x1btried (optional)
systemd
  ok        systemd       252

this machine cannot be traced, for want of: rights.
`
	var plain, colored strings.Builder
	if err := d.writeText(&plain, false); err != nil {
		t.Fatal(err)
	}
	if plain.String() != want {
		t.Errorf("got\n%s\nwant\n%s", plain.String(), want)
	}
	if err := d.writeText(&colored, true); err != nil {
		t.Fatal(err)
	}
	bare := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(colored.String())
	if bare != want || colored.String() == want {
		t.Errorf("in colour:\n%q", colored.String())
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
