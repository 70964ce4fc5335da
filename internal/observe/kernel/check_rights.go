package kernel

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"
)

func (x *examiner) checkRights() []Finding {
	return []Finding{x.findRights(), x.listCapabilities(), x.findSysAdmin(), x.findProcAccess(), x.findUserManagers()}
}

// useful are the capabilities that nsblame uses, the indispensable ones first.
var useful = []libcap.Value{
	libcap.BPF,             // load programs, create maps
	libcap.PERFMON,         // load tracing programs and attach them
	libcap.SYS_ADMIN,       // get the BTF of modules; it includes the two above
	libcap.SYSLOG,          // read symbol addresses
	libcap.SYS_PTRACE,      // read /proc of other users' processes
	libcap.SYS_RESOURCE,    // raise the limit of locked memory where BPF counts against it
	libcap.DAC_OVERRIDE,    // connect to the managers of other users, write into directories of others
	libcap.DAC_READ_SEARCH, // read files that others keep to themselves
	libcap.KILL,            // pass a signal on to a process of another user
}

// listCapabilities says which of them this process has. Other checks say what a
// missing one costs.
func (x *examiner) listCapabilities() Finding {
	f := Finding{Name: "capabilities", Verdict: OK}
	st, err := x.status()
	if err != nil {
		f.Verdict, f.Detail = Unknown, err.Error()
		return f
	}
	var has, lacks []libcap.Value
	for _, c := range useful {
		if st.effective.Has(c) {
			has = append(has, c)
		} else {
			lacks = append(lacks, c)
		}
	}
	switch {
	case len(lacks) == 0:
		f.Detail = "all that are of use: " + joinCapabilities(has)
	case len(has) == 0:
		f.Detail = "none of those that are of use: " + joinCapabilities(lacks)
	default:
		f.Detail = joinCapabilities(has) + "; not " + joinCapabilities(lacks)
	}
	return f
}

func (x *examiner) findRights() Finding {
	f := Finding{Name: "rights", Required: true}
	st, err := x.status()
	if err != nil {
		f.Verdict, f.Detail = Unknown, err.Error()
		return f
	}
	if lack := st.effective.lacking(); len(lack) > 0 {
		f.Verdict, f.Detail, f.Remedy = Missing, "this process lacks "+joinCapabilities(lack), remedyRights
		return f
	}
	f.Verdict, f.Detail = OK, "CAP_BPF and CAP_PERFMON"
	if !st.effective.Has(libcap.BPF) || !st.effective.Has(libcap.PERFMON) {
		f.Detail = "CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON"
	}
	return f
}

func (x *examiner) findSysAdmin() Finding {
	return x.findCapability("cap_sys_admin", libcap.SYS_ADMIN,
		"without CAP_SYS_ADMIN the BTF of modules cannot be had: where nf_conntrack and ip_vs are modules, only kprobes can time them")
}

// findProcAccess is about processes that are older than nsblame: the BPF
// programs see younger ones being born.
func (x *examiner) findProcAccess() Finding {
	f := x.findCapability("proc_access", libcap.SYS_PTRACE,
		"without CAP_SYS_PTRACE the executables of other users' processes that are older than nsblame cannot be read from /proc")
	if f.Verdict == OK {
		f.Detail = "other users' processes in /proc can be read"
	}
	return f
}

// findUserManagers is about the service managers of users. They answer only
// their user and root.
func (x *examiner) findUserManagers() Finding {
	const stays = ": which setting of their users' units makes a namespace, and what started those, stays unknown"
	f := Finding{Name: "user_managers"}
	st, err := x.status()
	switch {
	case err != nil:
		f.Verdict, f.Detail = Unknown, err.Error()
	case st.uid != 0:
		f.Verdict, f.Detail = Degraded, "the service managers of other users answer to root alone"+stays
		f.Remedy = "run it as root"
	case !st.effective.Has(libcap.DAC_OVERRIDE):
		f.Verdict, f.Detail = Degraded, "without CAP_DAC_OVERRIDE the sockets of other users' service managers cannot be reached"+stays
		f.Remedy = "give it CAP_DAC_OVERRIDE"
	default:
		f.Verdict, f.Detail = OK, "those of all users can be asked"
	}
	return f
}

func (x *examiner) findCapability(name string, c libcap.Value, without string) Finding {
	f := Finding{Name: name}
	st, err := x.status()
	switch {
	case err != nil:
		f.Verdict, f.Detail = Unknown, err.Error()
	case st.effective.Has(c):
		f.Verdict, f.Detail = OK, capabilityName(c)
	default:
		f.Verdict, f.Detail, f.Remedy = Degraded, without, "run it as root, or give it "+capabilityName(c)
	}
	return f
}

func (x *examiner) checkNamespaces() []Finding {
	user := x.findNamespace(Finding{Name: "user_namespace", Required: true}, userNamespace)
	if user.Verdict == Missing {
		user.Detail, user.Remedy = ErrUserNamespace.Error(), remedyUserNamespace
	}
	pid := x.findNamespace(Finding{Name: "pid_namespace"}, pidNamespace)
	if pid.Verdict == Missing {
		pid.Verdict = Degraded
		pid.Detail = "this process sees other pids than the kernel reports: what /proc says of processes older than nsblame cannot be used"
		pid.Remedy = "run it in the host's pid namespace (docker, podman: --pid=host; Kubernetes: hostPID: true)"
	}
	return []Finding{user, pid}
}

func (x *examiner) findNamespace(f Finding, ns initialNamespace) Finding {
	initial, err := x.inInitialNamespace(ns)
	switch {
	case err != nil:
		f.Verdict, f.Detail = Unknown, err.Error()
	case initial:
		f.Verdict, f.Detail = OK, "the machine's own"
	default:
		f.Verdict = Missing
	}
	return f
}

// checkMemlock is about kernels that count BPF's memory against the limit of
// locked memory. An attempt to raise the limit shows whether this is one.
func (x *examiner) checkMemlock() []Finding {
	f := Finding{Name: "memlock"}
	if !x.mayLoad() {
		return []Finding{notTried(f, whyNoRights)}
	}
	if err := x.try.memlock(); err != nil {
		f.Verdict = Degraded
		f.Detail = "BPF's memory may count against the limit of locked memory, which cannot be raised: " + err.Error()
		f.Remedy = remedyMemlock
		return []Finding{f}
	}
	f.Verdict, f.Detail = OK, "no limit stands in the way"
	return []Finding{f}
}

func (x *examiner) checkCgroups() []Finding {
	f := Finding{Name: "cgroup_hierarchy"}
	h, err := x.cgroupHierarchy()
	switch {
	case errors.Is(err, ErrNoHierarchy):
		f.Verdict, f.Detail = Degraded, err.Error()+": units and containers have no names"
		f.Remedy = "boot with cgroup version 2 (systemd.unified_cgroup_hierarchy=1), or mount it on /sys/fs/cgroup"
	case err != nil:
		f.Verdict, f.Detail = Unknown, err.Error()
	default:
		f.Verdict, f.Detail = OK, string(h)
	}
	return []Finding{f}
}

// checkSymbols is about symbol addresses, which give the function behind a
// pointer its name. Whether this process sees them depends on kptr_restrict,
// perf_event_paranoid and CAP_SYSLOG together. So it looks.
func (x *examiner) checkSymbols() []Finding {
	f := Finding{Name: "kallsyms"}
	seen, shown := false, false
	x.eachSymbol(func(address, kind, _, _ string) bool {
		// Per-CPU symbols always have small addresses, or 0, so look at code.
		if !strings.EqualFold(kind, "t") {
			return true
		}
		seen, shown = true, strings.Trim(address, "0") != ""
		return false
	})
	switch {
	case shown:
		f.Verdict, f.Detail = OK, "addresses are shown"
	case seen:
		f.Verdict, f.Detail = Degraded, "addresses are hidden (kptr_restrict is "+x.sysctl("kernel/kptr_restrict")+")"
		f.Remedy = "run it as root or give it CAP_SYSLOG, and set kernel.kptr_restrict to 0 or 1"
	default:
		f.Verdict, f.Detail = Unknown, "/proc/kallsyms cannot be read or is empty"
		f.Remedy = "boot a kernel that is built with CONFIG_KALLSYMS=y"
	}
	return []Finding{f}
}

func (x *examiner) sysctl(name string) string {
	data, err := fs.ReadFile(x.root, "proc/sys/"+name)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}

// exists reports whether one of the paths exists.
func (x *examiner) exists(paths ...string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		_, err := fs.Stat(x.root, p)
		return err == nil
	})
}
