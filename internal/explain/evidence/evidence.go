// Package evidence is the ladder on which every statement of nsblame stands:
// what a link of a chain rests on, and which of two is weaker.
package evidence

import "slices"

// Evidence says what a statement rests on.
type Evidence string

// The kinds of evidence, from the strongest to the weakest.
const (
	// Kernel: a probe saw it.
	Kernel Evidence = "kernel"
	// Manager: a service manager said so.
	Manager Evidence = "manager"
	// Runtime: a container runtime said so, in its files.
	Runtime Evidence = "runtime"
	// File: it stands in a unit file.
	File Evidence = "file"
	// Inferred: it follows from the order of times alone.
	Inferred Evidence = "inferred"
	// Claimed: a user's own manager said so, or it is the name of a cgroup that a
	// user or a container can name as he likes. Of them it may be true; of anybody
	// else it proves nothing.
	Claimed Evidence = "claimed"
	// Unknown: nothing shows it.
	Unknown Evidence = "unknown"
)

// ladder has the kinds in the order of their strength.
var ladder = []Evidence{Unknown, Claimed, Inferred, File, Runtime, Manager, Kernel}

// Strength is the place on the ladder: what is stronger is greater. It is 0 for
// Unknown, and -1 for what is no evidence.
func (e Evidence) Strength() int { return slices.Index(ladder, e) }

// Weaker returns the weaker of the two. What is no evidence counts as Unknown.
func Weaker(a, b Evidence) Evidence {
	return ladder[max(0, min(a.Strength(), b.Strength()))]
}
