package kernel

import (
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// checkKernel names the kernel and its lockdown mode.
func (x *examiner) checkKernel() []Finding {
	found := Finding{Name: "kernel", Verdict: OK, Detail: strings.TrimSpace(x.release + " " + x.machine)}
	lock := Finding{Name: "lockdown", Verdict: OK, Required: true, Detail: "none"}
	switch mode := x.lockdown(); mode {
	case "confidentiality":
		lock.Verdict, lock.Detail, lock.Remedy = Missing, ErrLockdown.Error(), remedyLockdown
	case "":
	default:
		lock.Detail = mode
	}
	return []Finding{found, lock}
}

func (x *examiner) checkBTF() []Finding {
	f := Finding{Name: "btf", Required: true}
	if !x.hasBTF() {
		f.Verdict, f.Detail = Missing, "there is no /"+vmlinuxBTF
		f.Remedy = remedyBTF + " (in a container: mount /sys)"
		return []Finding{f}
	}
	if _, err := x.hasFunction(attachPoint); err != nil {
		f.Verdict, f.Detail = Unknown, err.Error()
		return []Finding{f}
	}
	f.Verdict, f.Detail = OK, "/"+vmlinuxBTF
	return []Finding{f}
}

// checkCookies is about what distinguishes namespaces that had the same inum,
// one after the other.
func (x *examiner) checkCookies() []Finding {
	f := Finding{Name: "netns_cookie"}
	if !x.hasBTF() {
		return []Finding{notTried(f, whyNoBTF)}
	}
	switch has, err := x.hasCookies(); {
	case err != nil:
		f.Verdict, f.Detail = Unknown, err.Error()
	case has:
		f.Verdict, f.Detail = OK, "each namespace has a number of its own"
	default:
		f.Verdict = Degraded
		f.Detail = "namespaces have no number of their own: two with the same inum, which is reused, are told apart by time"
	}
	return []Finding{f}
}

// hook is a tracepoint or a function that nsblame attaches to.
type hook struct {
	name     string
	required bool
	without  string // what is missing without an optional one
}

var tracepoints = []hook{
	{name: string(event.ProbeProcessFork), required: true},
	{name: string(event.ProbeProcessExec), required: true},
	{name: string(event.ProbeProcessExit), required: true},
	{name: string(event.ProbeCgroupMove), without: "a process that was moved shows the cgroup that it was in before"},
}

func (x *examiner) checkTracepoints() []Finding {
	return x.lookUpAll("tracepoint", "tp_btf", tracepoints, x.hasTracepoint)
}

// functions are those that nsblame traces in every kernel image. checkModules
// handles those that may be in a module.
var functions = []hook{
	{name: attachPoint, required: true},
}

func (x *examiner) checkFunctions() []Finding {
	return x.lookUpAll("function", "fentry", functions, x.hasFunction)
}

func (x *examiner) lookUpAll(kind, how string, hooks []hook, has func(string) (bool, error)) []Finding {
	findings := make([]Finding, 0, len(hooks))
	for _, h := range hooks {
		f := Finding{Name: kind + ":" + h.name, Required: h.required, How: how}
		f = x.lookUp(f, h.name, has)
		if f.Verdict == Missing && !h.required {
			f.Verdict, f.Detail = Degraded, f.Detail+": "+h.without
		}
		findings = append(findings, f)
	}
	return findings
}

// lookUp completes a finding about a name that must be in the kernel's BTF.
func (x *examiner) lookUp(f Finding, name string, has func(string) (bool, error)) Finding {
	if !x.hasBTF() {
		return notTried(f, whyNoBTF)
	}
	found, err := has(name)
	switch {
	case err != nil:
		f.Verdict, f.Detail = Unknown, err.Error()
	case found:
		f.Verdict, f.Detail = OK, "in the kernel's BTF"
	default:
		f.Verdict, f.Detail, f.Remedy = Missing, "not in the kernel's BTF", remedyFunction
	}
	return f
}

const loadsAndAttaches = "loads and attaches"

func (x *examiner) checkPrograms() []Finding {
	fentry := x.tryKind("fentry", true, x.try.fentry)
	fexit := x.tryKind("fexit", true, x.try.fexit)
	kprobe := x.tryKprobe()
	if kprobe.Verdict == Missing && fentry.Verdict == OK && fexit.Verdict == OK {
		kprobe.Verdict, kprobe.Detail, kprobe.Remedy = OK, kprobe.Detail+"; not needed, for fentry works", ""
	}
	return []Finding{
		x.tryRingBuffer(),
		x.tryKind("tp_btf", true, x.try.rawTracepoint),
		standIn(fentry, kprobe),
		standIn(fexit, kprobe),
		x.tryKind("iter_task", true, x.try.taskIterator),
		kprobe,
	}
}

// standIn lowers a missing feature to degraded if kprobes can replace it.
func standIn(f, kprobe Finding) Finding {
	if f.Verdict == Missing && kprobe.Verdict == OK {
		f.Verdict, f.Detail, f.Remedy = Degraded, f.Detail+"; kprobes take its place, which cost more", ""
	}
	return f
}

// tryKind tries a kind of program that needs BTF.
func (x *examiner) tryKind(kind string, required bool, try attempt) Finding {
	f := Finding{Name: "program:" + kind, Required: required, How: kind, Detail: loadsAndAttaches}
	switch {
	case !x.mayLoad():
		return notTried(f, whyNoRights)
	case !x.hasBTF():
		return notTried(f, whyNoBTF)
	}
	return x.verify(f, try)
}

func (x *examiner) tryRingBuffer() Finding {
	f := Finding{Name: "map:ringbuf", Required: true, Detail: "can be created"}
	if !x.mayLoad() {
		return notTried(f, whyNoRights)
	}
	return x.verify(f, x.try.ringBuffer)
}

// tryKprobe tries a kprobe, which needs no BTF of the function.
func (x *examiner) tryKprobe() Finding {
	f := Finding{Name: "program:kprobe", How: "kprobe", Detail: loadsAndAttaches}
	if !x.mayLoad() {
		return notTried(f, whyNoRights)
	}
	if !x.exists("sys/bus/event_source/devices/kprobe/type",
		"sys/kernel/tracing/kprobe_events", "sys/kernel/debug/tracing/kprobe_events") {
		f.Verdict, f.Detail = Missing, "neither perf nor tracefs offers kprobes"
		f.Remedy = remedyKprobeEvents
		return f
	}
	return x.verify(f, x.try.kprobe)
}

// subsystems are those whose share of a creation is timed.
var subsystems = []struct{ module, function string }{
	{"nf_conntrack", string(event.ProbeConntrack)},
	{"ip_vs", string(event.ProbeIPVS)},
}

func (x *examiner) checkModules() []Finding {
	findings := make([]Finding, 0, len(subsystems))
	for _, s := range subsystems {
		findings = append(findings, x.findModule(s.module, s.function))
	}
	return findings
}

// findModule finds out whether a subsystem's share can be timed. A subsystem
// that does not exist has no share, so its absence is no fault. Functions of
// modules are only probed by kprobes: see internal/observe/probe.
func (x *examiner) findModule(module, function string) Finding {
	f := Finding{Name: "module:" + module, Verdict: OK}
	switch x.module(module, function) {
	case ModuleBuiltin:
		f.Detail = "built in: always there"
	case ModuleLoaded:
		f.Detail = "loaded"
		if x.tryKprobe().Verdict == Missing {
			f.Verdict = Degraded
			f.Detail = "loaded, but there are no kprobes: its share in a creation is not timed"
			f.Remedy = "boot a kernel that is built with CONFIG_KPROBE_EVENTS=y"
		}
	case ModuleAvailable, ModuleNotLoaded:
		f.Detail = "not loaded: it has no share in a creation now; if it is loaded later, its probe is attached then"
	case ModuleAbsent:
		f.Detail = "not on this kernel: nothing to time"
	}
	return f
}
