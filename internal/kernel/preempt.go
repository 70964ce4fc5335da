package kernel

import (
	"io/fs"
	"slices"
	"strings"
)

// MayPreempt reports whether the kernel takes the processor from a task that is
// within a system call. Then fentry programs are left out now and then: the
// kernel marks the CPU that one runs on and lets itself be preempted in it, so
// that whoever comes to the same function there goes without, until the former
// goes on (kernel/bpf/trampoline.c, __bpf_prog_enter_recur). A kprobe's program
// runs with preemption off.
func MayPreempt() bool { return running().mayPreempt() }

func (x *examiner) mayPreempt() bool {
	built := strings.Fields(x.version)
	if !slices.ContainsFunc(built, func(word string) bool { return strings.HasPrefix(word, "PREEMPT") }) {
		return false
	}
	if !slices.Contains(built, "PREEMPT_DYNAMIC") {
		return true
	}
	// Which it was booted with is in debugfs alone. Where that is not to be had,
	// it may.
	data, err := fs.ReadFile(x.root, "sys/kernel/debug/sched/preempt")
	if err != nil {
		return true
	}
	mode := parsePreempt(string(data))
	return mode != "none" && mode != "voluntary"
}

// parsePreempt reads "none (voluntary) full".
func parsePreempt(s string) string {
	_, after, _ := strings.Cut(s, "(")
	mode, _, ok := strings.Cut(after, ")")
	if !ok {
		return ""
	}
	return mode
}
