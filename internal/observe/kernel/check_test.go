package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

const (
	statusRoot   = "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n"
	statusNobody = "Uid:\t65534\t65534\t65534\t65534\nCapEff:\t0000000000000000\nSeccomp:\t0\n"
)

// capable returns the examiner of a machine on which everything is right.
func capable() *examiner {
	fine := func() error { return nil }
	has := func(string) (bool, error) { return true, nil }
	return &examiner{
		root: fstest.MapFS{
			"proc/self/status":                           file(statusRoot),
			"proc/self/ns/user":                          symlink("user:[4026531837]"),
			"proc/self/ns/pid":                           symlink("pid:[4026531836]"),
			"proc/self/mountinfo":                        file(unifiedMount),
			"proc/1/cgroup":                              file("0::/init.scope\n"),
			"proc/kallsyms":                              file("0000000000000000 A fixed_percpu_data\nffffffff81000000 T _stext\n"),
			"sys/kernel/btf/vmlinux":                     file(""),
			"sys/kernel/security/lockdown":               file("none [integrity] confidentiality\n"),
			"sys/bus/event_source/devices/kprobe/type":   file("8\n"),
			"sys/module/ip_vs/initstate":                 file("live\n"),
			"sys/kernel/btf/ip_vs":                       file(""),
			"lib/modules/6.1.0-42-amd64/modules.dep":     file(""),
			"lib/modules/6.1.0-42-amd64/modules.builtin": file(""),
		},
		release: "6.1.0-42-amd64", machine: "x86_64",
		hasFunction: has, hasTracepoint: has,
		hasCookies: func() (bool, error) { return true, nil },
		try: attempts{
			memlock: fine, ringBuffer: fine, rawTracepoint: fine, fentry: fine, fexit: fine,
			taskIterator: fine, kprobe: fine,
		},
	}
}

// change edits the machine's files; a nil file removes.
func (x *examiner) change(path string, f *fstest.MapFile) {
	root := x.root.(fstest.MapFS)
	if f == nil {
		delete(root, path)
		return
	}
	root[path] = f
}

func find(t *testing.T, findings []Finding, name string) Finding {
	t.Helper()
	for _, f := range findings {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no finding %q", name)
	return Finding{}
}

func TestCheckCapableMachine(t *testing.T) {
	findings := capable().check(context.Background())
	for _, f := range findings {
		if f.Verdict != OK {
			t.Errorf("%+v: want ok", f)
		}
	}
	if err := Blocker(findings); err != nil {
		t.Errorf("Blocker: %v", err)
	}
}

func TestListCapabilities(t *testing.T) {
	for status, want := range map[string]string{
		statusRoot:                    "all that are of use: CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYSLOG, CAP_SYS_PTRACE, CAP_SYS_RESOURCE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_KILL",
		statusNobody:                  "none of those that are of use: CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYSLOG, CAP_SYS_PTRACE, CAP_SYS_RESOURCE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_KILL",
		"CapEff:\t000000c400080000\n": "CAP_BPF, CAP_PERFMON, CAP_SYSLOG, CAP_SYS_PTRACE; not CAP_SYS_ADMIN, CAP_SYS_RESOURCE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_KILL",
	} {
		x := capable()
		x.change("proc/self/status", file(status))
		if got := x.listCapabilities(); got.Detail != want || got.Verdict != OK {
			t.Errorf("%s: %+v, want %q", status, got, want)
		}
	}
}

func TestCheckIncapableMachines(t *testing.T) {
	eperm := func() error { return fmt.Errorf("load program: %w", unix.EPERM) }
	notSupported := func() error { return fmt.Errorf("probe: %w", ebpf.ErrNotSupported) }
	tests := []struct {
		name    string
		spoil   func(*examiner)
		finding string
		want    Verdict
		remedy  string // a part of it
		blocks  bool
	}{
		{
			"no rights", func(x *examiner) { x.change("proc/self/status", file(statusNobody)) },
			"rights", Missing, "CAP_BPF", true,
		},
		{
			"an ordinary user", func(x *examiner) {
				x.change("proc/self/status", file("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t000001ffffffffff\n"))
			},
			"user_managers", Degraded, "as root", false,
		},
		{
			"root with less", func(x *examiner) {
				x.change("proc/self/status", file("Uid:\t0\t0\t0\t0\nCapEff:\t000001fffffffffd\n"))
			},
			"user_managers", Degraded, "CAP_DAC_OVERRIDE", false,
		},
		{
			"no rights, hence no trial", func(x *examiner) { x.change("proc/self/status", file(statusNobody)) },
			"program:fentry", Unknown, "", true,
		},
		{
			"user namespace", func(x *examiner) { x.change("proc/self/ns/user", symlink("user:[4026532200]")) },
			"user_namespace", Missing, "--userns=host", true,
		},
		{
			"pid namespace", func(x *examiner) { x.change("proc/self/ns/pid", symlink("pid:[4026532200]")) },
			"pid_namespace", Degraded, "--pid=host", false,
		},
		{
			"no BTF", func(x *examiner) { x.change("sys/kernel/btf/vmlinux", nil) },
			"btf", Missing, "CONFIG_DEBUG_INFO_BTF", true,
		},
		{
			"no BTF, hence no look", func(x *examiner) { x.change("sys/kernel/btf/vmlinux", nil) },
			"function:copy_net_ns", Unknown, "", true,
		},
		{
			"lockdown", func(x *examiner) {
				x.change("sys/kernel/security/lockdown", file("none integrity [confidentiality]\n"))
			},
			"lockdown", Missing, "integrity", true,
		},
		{
			"fentry refused, kprobes in its place", func(x *examiner) { x.try.fentry = eperm },
			"program:fentry", Degraded, "", false,
		},
		{
			"fentry and kprobes refused", func(x *examiner) { x.try.fentry, x.try.kprobe = eperm, eperm },
			"program:fentry", Missing, "sandbox", true,
		},
		{
			"fentry refused under seccomp", func(x *examiner) {
				x.try.fentry, x.try.kprobe = eperm, eperm
				x.change("proc/self/status", file("CapEff:\t000001ffffffffff\nSeccomp:\t2\n"))
			},
			"program:fentry", Missing, "seccomp", true,
		},
		{
			"no ring buffer", func(x *examiner) { x.try.ringBuffer = notSupported },
			"map:ringbuf", Missing, "kernel", true,
		},
		{
			"locked memory", func(x *examiner) { x.try.ringBuffer, x.try.memlock = eperm, eperm },
			"map:ringbuf", Missing, "ulimit -l", true,
		},
		{
			"function gone", func(x *examiner) { x.hasFunction = func(string) (bool, error) { return false, nil } },
			"function:copy_net_ns", Missing, "report", true,
		},
		{
			"optional tracepoint gone", func(x *examiner) {
				x.hasTracepoint = func(name string) (bool, error) { return name != string(event.ProbeCgroupMove), nil }
			},
			"tracepoint:cgroup_attach_task", Degraded, "", false,
		},
		{
			"no kprobes, which nobody needs", func(x *examiner) {
				x.change("sys/bus/event_source/devices/kprobe/type", nil)
			},
			"program:kprobe", OK, "", false,
		},
		{
			"module, timed by kprobes", func(x *examiner) {
				x.hasFunction = func(name string) (bool, error) { return name != "__ip_vs_init", nil }
			},
			"module:ip_vs", OK, "", false,
		},
		{
			"module, and no kprobes", func(x *examiner) {
				x.hasFunction = func(name string) (bool, error) { return name != "__ip_vs_init", nil }
				x.try.kprobe = eperm
			},
			"module:ip_vs", Degraded, "CONFIG_KPROBE_EVENTS", false,
		},
		{
			"no cookies", func(x *examiner) { x.hasCookies = func() (bool, error) { return false, nil } },
			"netns_cookie", Degraded, "", false,
		},
		{
			"hidden addresses", func(x *examiner) {
				x.change("proc/kallsyms", file("0000000000000000 T _stext\n"))
				x.change("proc/sys/kernel/kptr_restrict", file("2\n"))
			},
			"kallsyms", Degraded, "kptr_restrict", false,
		},
		{
			"no hierarchy", func(x *examiner) {
				x.change("proc/1/cgroup", nil)
				x.change("proc/self/mountinfo", file(""))
			},
			"cgroup_hierarchy", Degraded, "version 2", false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := capable()
			tt.spoil(x)
			findings := x.check(context.Background())
			f := find(t, findings, tt.finding)
			if f.Verdict != tt.want || !strings.Contains(f.Remedy, tt.remedy) {
				t.Errorf("got %+v, want %s with a remedy that names %q", f, tt.want, tt.remedy)
			}
			err := Blocker(findings)
			if (err != nil) != tt.blocks {
				t.Errorf("Blocker: %v, want one: %v", err, tt.blocks)
			}
			var lack *unsupported.Error
			if err != nil && (!errors.As(err, &lack) || lack.Remedy == "") {
				t.Errorf("Blocker: %#v, want an *unsupported.Error with a remedy", err)
			}
		})
	}
}

// TestCheckKeepsNames: scripts read the names, so a machine must not change
// which there are.
func TestCheckKeepsNames(t *testing.T) {
	bare := capable()
	bare.root = fstest.MapFS{}
	good, bad := capable().check(context.Background()), bare.check(context.Background())
	if len(good) != len(bad) {
		t.Fatalf("%d findings on a capable machine, %d on a bare one", len(good), len(bad))
	}
	seen := make(map[string]bool)
	for i := range good {
		if good[i].Name != bad[i].Name {
			t.Errorf("finding %d is %q on a capable machine, %q on a bare one", i, good[i].Name, bad[i].Name)
		}
		if seen[good[i].Name] {
			t.Errorf("two findings %q", good[i].Name)
		}
		seen[good[i].Name] = true
	}
}

func TestCheckStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := capable().check(ctx); len(got) != 0 {
		t.Errorf("got %d findings after the end of the context", len(got))
	}
}

// TestCheckRunningKernel runs the real attempts. What they find depends on the
// machine, so only what holds everywhere is asserted.
func TestCheckRunningKernel(t *testing.T) {
	for _, f := range Check(context.Background()) {
		switch f.Verdict {
		case OK, Degraded, Unknown:
		case Missing:
			if f.Remedy == "" {
				t.Errorf("%s is missing, with no remedy", f.Name)
			}
		default:
			t.Errorf("%s has the verdict %q", f.Name, f.Verdict)
		}
		if f.Detail == "" {
			t.Errorf("%s has no detail", f.Name)
		}
		t.Logf("%+v", f)
	}
}

func TestRefused(t *testing.T) {
	rejected := &ebpf.VerifierError{Cause: unix.EACCES, Log: []string{"R1 invalid mem access"}}
	tests := []struct {
		name        string
		err         error
		status      string
		unsupported bool
		reason      error
	}{
		{"denied without rights", unix.EPERM, statusNobody, true, ErrNoRights},
		{"denied with rights", unix.EPERM, statusRoot, true, ErrRefused},
		{"a bare EACCES is a denial", unix.EACCES, statusRoot, true, ErrRefused},
		{"rejected by the verifier", rejected, statusRoot, false, unix.EACCES},
		{"not supported", ebpf.ErrNotSupported, statusRoot, true, ebpf.ErrNotSupported},
		{"not in BTF", btf.ErrNotFound, statusRoot, true, btf.ErrNotFound},
		{"no kprobe_events", &fs.PathError{Op: "open", Path: "/sys/kernel/tracing/kprobe_events", Err: fs.ErrNotExist}, statusRoot, true, fs.ErrNotExist},
		{"already explained", unsupported.New("a", "b", ErrLockdown), statusRoot, true, ErrLockdown},
		{"anything else", fs.ErrClosed, statusRoot, false, fs.ErrClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := capable()
			x.change("proc/self/status", file(tt.status))
			err := x.refused("attach fentry/copy_net_ns", tt.err)
			var lack *unsupported.Error
			if errors.As(err, &lack) != tt.unsupported {
				t.Errorf("%#v: want an *unsupported.Error: %v", err, tt.unsupported)
			}
			if !errors.Is(err, tt.reason) || !errors.Is(err, tt.err) {
				t.Errorf("%v: want the reason %v and the cause %v", err, tt.reason, tt.err)
			}
			if !strings.HasPrefix(err.Error(), "attach fentry/copy_net_ns: ") {
				t.Errorf("%v does not say what was tried", err)
			}
		})
	}
	if err := Refused("x", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
