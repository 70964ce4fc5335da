package holders

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
)

// Delegations finds out which names of cgroups are not the machine's: to whom the
// directories on the way belong.
type Delegations struct {
	root     string
	machine  uint32 // the owner of root
	machines map[string]bool
}

// maxMachines is how many directories of the machine's are remembered.
const maxMachines = 1 << 16

// NewDelegations returns those of the hierarchy that is mounted at root.
func NewDelegations(root string) (*Delegations, error) {
	d := &Delegations{root: root, machines: make(map[string]bool)}
	var err error
	if d.machine, err = ownerOf(root); err != nil {
		return nil, err
	}
	return d, nil
}

// Of returns which names of a path are not the machine's. It looks from the root on, so
// that nothing that somebody else has made is looked at.
func (d *Delegations) Of(path string) (event.Delegation, error) {
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(names) > 0 && names[0] == ".." { // outside of this cgroup namespace, and not to be seen
		return event.Delegation{}, nil
	}
	for i := range names {
		dir := "/" + strings.Join(names[:i+1], "/")
		if d.machines[dir] {
			continue
		}
		owner, err := ownerOf(d.root + dir)
		if err != nil {
			return event.Delegation{}, err
		}
		below := uint32(len(names) - i - 1)
		if owner != d.machine && below == 0 {
			break
		}
		if owner != d.machine {
			return event.Delegation{Names: below, UID: owner}, nil
		}
		if len(d.machines) >= maxMachines {
			clear(d.machines)
		}
		d.machines[dir] = true
	}
	return event.Delegation{}, nil
}

func ownerOf(dir string) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return 0, fmt.Errorf("look at the cgroup %s: %w", dir, err)
	}
	return st.Uid, nil
}
