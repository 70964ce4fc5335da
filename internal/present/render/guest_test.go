package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// A guest's unit never stands without its container.
func TestGuestUnit(t *testing.T) {
	by := process(342, "(ostnamed)", "systemd")
	by.ArgvInherited, by.Cgroup = true, "/machine.slice/machine-web.scope/payload/system.slice/systemd-hostnamed.service"
	k := inUnit(1, by)
	k.Origin = finding.Origin{Trigger: finding.TriggerGuest, Placement: k.Placement, Evidence: evidence.Claimed}
	k.Links = []finding.Link{{
		Kind: finding.KindBecause, Evidence: evidence.Claimed,
		Cause: finding.GuestUnit{Container: *k.Placement.Container, Unit: k.Placement.GuestUnit},
	}}
	const name = "systemd-hostnamed.service inside systemd-nspawn:web"
	for about, tc := range map[string]struct {
		print func(*bytes.Buffer) finding.Consumer
		want  []string
	}{
		"line": {func(w *bytes.Buffer) finding.Consumer { return NewText(w, w, TextOptions{}) }, []string{"  " + name + "  (ostnamed)", "because of " + name}},
		"tree": {func(w *bytes.Buffer) finding.Consumer { return NewText(w, w, TextOptions{Tree: true}) }, []string{
			"machine-web.scope, machine.slice", "            " + name, "origin    " + name,
			"the service manager inside container web ran systemd-hostnamed.service",
		}},
		"json": {func(w *bytes.Buffer) finding.Consumer { return NewJSON(w) }, []string{
			`"container":{"id":"web","runtime":"systemd-nspawn","guest_unit":"systemd-hostnamed.service"}`, `"trigger":"guest","evidence":"claimed"`, `"code":"guest_unit"`,
		}},
	} {
		var w bytes.Buffer
		if err := tc.print(&w).Consume(created(k)); err != nil {
			t.Fatal(err)
		}
		for _, want := range tc.want {
			if !strings.Contains(w.String(), want) {
				t.Errorf("%s lacks %q:\n%s", about, want, w.String())
			}
		}
	}
}
