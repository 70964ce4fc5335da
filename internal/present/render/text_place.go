package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
)

// nowhere stands for a place without unit and container.
const nowhere = "-"

// placeText is the unit and the container, or nowhere. A guest's unit stands for the unit
// of the machine's that is named after the container.
func placeText(p *cgroup.Placement) string {
	if text := guestText(p); text != "" {
		if p.Unit != "" && !strings.Contains(p.Unit, p.Container.ID) {
			text += " in " + unitText(p)
		}
		return text
	}
	var parts []string
	if p.Unit != "" {
		parts = append(parts, unitText(p))
	}
	if p.Container != nil {
		parts = append(parts, containerText(p.Container))
	}
	if len(parts) == 0 {
		return nowhere
	}
	return strings.Join(parts, " ")
}

// unitText is a unit's name, with the user it belongs to if that is not the
// system. Ids in the names of container units are shortened. Names of units
// hold no byte that would have to be escaped, and are shown with the escapes
// that are part of them.
func unitText(p *cgroup.Placement) string {
	name := unitName(p.Unit)
	for _, c := range []*cgroup.Container{p.Container, p.Outer, p.Monitor} {
		if c != nil && len(c.ID) == 64 {
			name = strings.Replace(name, c.ID, c.ID[:shortID]+ellipsis, 1)
		}
	}
	switch {
	case p.Manager != event.ManagerUser:
		return name
	case p.HasOwner:
		return fmt.Sprintf("%s (user %d)", name, p.OwnerUID)
	}
	return name + " (user)"
}

// guestText is the unit of the service manager in a container, empty if there is none. It
// never stands without the container: the machine may have a unit of that name.
func guestText(p *cgroup.Placement) string {
	if p.GuestUnit == "" || p.Container == nil {
		return ""
	}
	return guestUnitText(p.GuestUnit, p.Container)
}

func guestUnitText(name string, of *cgroup.Container) string {
	return unitName(name) + " inside " + containerText(of)
}

// containerText is "runtime:id" with a long id shortened, and who claims that.
func containerText(c *cgroup.Container) string {
	return fitEscaped(c.Runtime, maxName) + ":" + idText(c.ID) + claimText(&c.Claim)
}

// idText is a container's id with a long one shortened.
func idText(id string) string {
	if len(id) == 64 {
		id = id[:shortID]
	}
	return fitEscaped(id, maxName)
}

// claimText says who gave a name, if that was not the machine: the container in
// which it was given, or the user.
func claimText(c *cgroup.Claim) string {
	switch {
	case !c.Claimed:
		return ""
	case c.Within != "":
		return " (in " + idText(c.Within) + ")"
	case c.HasUID:
		return fmt.Sprintf(" (user %d)", c.UID)
	}
	return " (claimed)"
}

// unitEvidence is what shows the name of a placement's unit.
func unitEvidence(p *cgroup.Placement) evidence.Evidence { return claimedIf(p.UnitClaimed()) }

// containerEvidence is what shows the name of a container.
func containerEvidence(c *cgroup.Container) evidence.Evidence { return claimedIf(c.Claimed) }

func claimedIf(claimed bool) evidence.Evidence {
	if claimed {
		return evidence.Claimed
	}
	return evidence.Kernel
}
