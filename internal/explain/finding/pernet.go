package finding

import "github.com/nsblame/nsblame/internal/event"

// PernetInit is the initialisation of all namespaces by a module that was loaded,
// with its causes.
type PernetInit struct {
	// Init is the observation itself.
	Init event.PernetInit
	// Attribution has the process that loaded the module, its ancestors and its
	// place, and the causes, all as of a creation; there is no namespace in it.
	*Attribution
	// Selected is set if it passed the filter.
	Selected bool
}
