package report

import (
	"slices"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// A command is offered where it would reach into the container, and nowhere else.
func TestCommandsForGuests(t *testing.T) {
	const guest = "/payload/system.slice/probe.service"
	for path, want := range map[string][]string{
		"/machine.slice/machine-box.scope" + guest:                                       {"systemd-run", "--machine", "box", "--pipe", "--quiet", "systemctl", "status", "probe.service"},
		"/machine.slice/box.scope" + guest:                                               nil, // systemd-machined does not know it
		"/machine.slice/machine-a.scope/payload/machine.slice/machine-box.scope" + guest: nil,
	} {
		place := cgroup.Parse(path)
		got := ofGuest(&Cause{Guest: place.GuestUnit, Example: &finding.Attribution{Origin: finding.Origin{Placement: place}}})
		if got.Kind != GuestUnit || got.Do.Service != "probe.service" || got.Do.Program != cgroup.RuntimeNspawn {
			t.Errorf("%s: %+v", path, got)
		}
		if want == nil && len(got.Commands) != 0 || want != nil && (len(got.Commands) != 1 || !slices.Equal(got.Commands[0], want)) {
			t.Errorf("%s: %q, want %q", path, got.Commands, want)
		}
	}
}
