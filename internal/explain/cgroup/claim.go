package cgroup

import (
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// Claim says that a name proves nothing of the machine's own things: whoever may
// make cgroups where it stands can choose any. The zero Claim stands for a name
// that the machine itself gave.
type Claim struct {
	// Claimed is set if it was somebody else.
	Claimed bool
	// UID is the user below whose manager or session the name stands, or in whose
	// directory, if HasUID. It is not known for a name behind a cut.
	UID    uint32
	HasUID bool
	// Within is the id of the outermost container in which it was chosen, empty if
	// it was chosen in none.
	Within string
}

// claimOf is the claim of a user: root's names are the machine's.
func claimOf(uid uint32) Claim {
	if uid == 0 {
		return Claim{}
	}
	return Claim{Claimed: true, UID: uid, HasUID: true}
}

// UnitClaimed reports whether Unit is a name that a user's own manager gave.
// Root's own manager is believed.
func (p *Placement) UnitClaimed() bool {
	return p.Manager == event.ManagerUser && (!p.HasOwner || p.OwnerUID != 0)
}

// ManagerName is how a user's manager is called in front of its units:
// "user@1000", "capsule@NAME". It is empty for the system's own, which needs none.
func (p *Placement) ManagerName() string {
	switch {
	case p.Manager != event.ManagerUser:
		return ""
	case p.HasOwner:
		return userName(p.OwnerUID)
	}
	return strings.TrimSuffix(p.SystemUnit, ".service")
}

func userName(uid uint32) string { return "user@" + strconv.FormatUint(uint64(uid), 10) }

// UnitNames are the names by which a process in the placement is found: that of its
// unit and, for a unit of a user's manager, that of the manager's own service. The
// unit of a user's manager has the manager in front, as in
// "user@1000/pipewire.service".
func (p *Placement) UnitNames() []string {
	if p.Unit == "" {
		return nil
	}
	manager := p.ManagerName()
	if manager == "" {
		return []string{p.Unit}
	}
	names := []string{manager + "/" + p.Unit}
	if !p.Delegated {
		names = append(names, manager+".service")
	}
	return names
}

// ContainerName is a container with whoever claims it: "docker:ID" for one of the
// machine's, "user@1000/podman:ID" for one below a user's manager,
// "ID/docker:ID" for one that was named within another, and "?/docker:ID" where it
// is not known who gave the name.
func (c *Container) ContainerName() string {
	name := c.Runtime + ":" + c.ID
	if c.Within != "" {
		name = c.Within + "/" + name
	}
	switch {
	case c.HasUID:
		name = userName(c.UID) + "/" + name
	case c.Claimed && c.Within == "":
		name = "?/" + name
	}
	return name
}

// anyOwner stands in a ContainerPattern for every owner, also one that is not known.
const anyOwner = "user@*"

// InContainer reports whether the placement is in a container that a pattern names:
// "ID" for one of the machine's, "user@UID/ID" for one that a user claims,
// "user@*/ID" for one that anybody claims, and "ID/ID" for one that was named within
// another. The beginning of an id is enough.
func (p *Placement) InContainer(pattern string) bool {
	if p.Container == nil {
		return false
	}
	owner, ids := "", pattern
	if first, rest, ok := strings.Cut(pattern, "/"); ok && strings.HasPrefix(first, "user@") {
		owner, ids = first, rest
	}
	outer, inner, nested := strings.Cut(ids, "/")
	around := p.Container
	if p.Outer != nil {
		around = p.Outer
	}
	switch {
	case !around.ownedBy(owner):
		return false
	case !nested:
		return strings.HasPrefix(around.ID, outer)
	}
	return p.Outer != nil && strings.HasPrefix(around.ID, outer) && strings.HasPrefix(p.Container.ID, inner)
}

// ownedBy reports whether an owner's name, empty for the machine, is the owner of
// a container that is in no other.
func (c *Container) ownedBy(owner string) bool {
	switch {
	case owner == "":
		return !c.Claimed
	case owner == anyOwner:
		return c.Claimed
	}
	return c.HasUID && owner == userName(c.UID)
}
