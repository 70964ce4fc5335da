package main

import "golang.org/x/sys/unix"

// hugePages says whether the kernel may give this process pages of 2 MiB. Most of such a
// page is never used, and all of it counts in the memory of nsblame. The zero value leaves
// that to the kernel.
type hugePages struct{ refused bool }

// refuse asks for none, unless whoever started nsblame has decided so already. A kernel
// that says no does no harm.
func (h *hugePages) refuse() {
	decided, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	if err == nil && decided == 0 {
		h.refused = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) == nil
	}
}

// allowed does something as nsblame was started: what it starts inherits the choice.
func (h *hugePages) allowed(do func() error) error {
	if !h.refused {
		return do()
	}
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0)
	defer h.refuse()
	return do()
}
