package kernel

import (
	"io/fs"
	"slices"
	"strings"
)

// MayPreempt reports whether the kernel may preempt a task in a system call.
// Then it misses runs of fentry programs now and then. It marks the CPU that a
// program runs on, and may preempt the program there. Other tasks that reach
// the same function on that CPU go without it until then
// (kernel/bpf/trampoline.c, __bpf_prog_enter_recur). A kprobe's program runs
// with preemption off.
func MayPreempt() bool { return running().mayPreempt() }

func (x *examiner) mayPreempt() bool {
	built := strings.Fields(x.version)
	if !slices.ContainsFunc(built, func(word string) bool { return strings.HasPrefix(word, "PREEMPT") }) {
		return false
	}
	if !slices.Contains(built, "PREEMPT_DYNAMIC") {
		return true
	}
	mode := x.preemption()
	return mode != "none" && mode != "voluntary"
}

// preemption is the mode that the kernel runs in, empty if that is not known.
// Only debugfs has it, and not for ordinary users. Otherwise it is what the
// command line asks for, or the default that the kernel was built with.
func (x *examiner) preemption() string {
	if data, err := fs.ReadFile(x.root, "sys/kernel/debug/sched/preempt"); err == nil {
		return between(string(data), "(", ")") // "none (voluntary) full"
	}
	line, err := fs.ReadFile(x.root, "proc/cmdline")
	if err != nil {
		return ""
	}
	mode := ""
	for word := range strings.FieldsSeq(string(line)) {
		if value, ok := strings.CutPrefix(word, "preempt="); ok {
			mode = value // the last one counts
		}
	}
	if mode != "" {
		return mode
	}
	config, err := fs.ReadFile(x.root, "boot/config-"+x.release)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(config)) {
		switch strings.TrimSpace(line) {
		case "CONFIG_PREEMPT_NONE=y":
			return "none"
		case "CONFIG_PREEMPT_VOLUNTARY=y":
			return "voluntary"
		}
	}
	return ""
}

func (x *examiner) checkPreemption() []Finding {
	f := Finding{Name: "preemption", Verdict: OK, Detail: "no task loses the processor within a system call"}
	if x.mayPreempt() {
		f.Verdict = Degraded
		f.Detail = "tasks can lose the processor within a system call, and then the kernel leaves out runs of probes on fork, exec and exit now and then: each is counted as lost, and made up for where the process is met again"
	}
	return []Finding{f}
}
