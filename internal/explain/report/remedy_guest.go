package report

import (
	"strings"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

// ofGuest tells where to look for who asks for a unit of the service manager in a
// container.
func ofGuest(c *Cause) Remedy {
	out := Remedy{Kind: GuestUnit, Do: Advice{Code: AdviceSeeGuest, Service: c.Guest}}
	place := &c.Example.Origin.Placement
	if place.Container == nil {
		return out
	}
	out.Do.Program = place.Container.Runtime
	if place.GuestUnit != c.Guest || strings.Contains(c.Guest, "/") || place.Outer != nil {
		return out
	}
	if shell := shellIn(place); shell != nil {
		out.Commands = [][]string{append(shell, "systemctl", "status", c.Guest)}
	}
	return out
}

// shellIn is the beginning of a command line that runs the rest of it in the container of
// a place, nil where it is not known.
func shellIn(place *cgroup.Placement) []string {
	switch of := place.Container; of.Runtime {
	case cgroup.RuntimeDocker, cgroup.RuntimePodman:
		return []string{of.Runtime, "exec", of.ID}
	case cgroup.RuntimeNspawn:
		if place.Unit == of.ID+".scope" { // which systemd-machined does not know
			return nil
		}
		return []string{"systemd-run", "--machine", of.ID, "--pipe", "--quiet"}
	}
	return nil
}
