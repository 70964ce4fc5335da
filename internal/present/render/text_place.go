package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

// nowhere stands for a place without unit and container.
const nowhere = "-"

// placeText is the unit and the container, or nowhere.
func placeText(p *cgroup.Placement) string {
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

// containerText is "runtime:id" with a long id shortened.
func containerText(c *cgroup.Container) string {
	id := c.ID
	if len(id) == 64 {
		id = id[:shortID]
	}
	return fitEscaped(c.Runtime, maxName) + ":" + fitEscaped(id, maxName)
}
