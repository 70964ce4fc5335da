package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// poll is the pause between two looks at a condition. Some looks take long
// themselves, and must not delay the condition.
const poll = 200 * time.Millisecond

// patience bounds the wait for a condition.
const patience = 10 * time.Minute

// tracer is something that observes while loops run.
type tracer struct {
	name string
	argv []string
	// rows are those that it is measured in; all if nil.
	rows []string
	// attached reports whether it observes; out is what it has written. It is
	// asked every so often: poll if that is 0.
	attached func(out string) (bool, error)
	every    time.Duration
	// prepare and restore are run before its start and after its end.
	prepare, restore []string
}

func (t *tracer) takes(row string) bool { return t.rows == nil || slices.Contains(t.rows, row) }

const (
	dir   = "/var/tmp/meter"
	ready = dir + "/ready"
)

// untraced is no tracer.
var untraced = &tracer{}

// traced is nsblame with all probes but those of --cost, its output in a file.
var traced = &tracer{
	name:     "nsblame",
	argv:     []string{"nsblame", "trace", "--output", "json", "--ready-file", ready},
	attached: func(string) (bool, error) { return exists(ready), nil },
	every:    50 * time.Millisecond,
}

// plain is nsblame as somebody who looks at text starts it: without the probes that
// only serve who joins a namespace and who held it last.
var plain = &tracer{
	name: "nsblame, text", argv: []string{"nsblame", "trace", "--ready-file", ready},
	rows: []string{"start", "end", "gone"}, attached: traced.attached, every: traced.every,
}

// costed is nsblame when it also tells what a creation is made of.
var costed = &tracer{
	name: "nsblame --cost", argv: append(slices.Clone(traced.argv), "--cost"),
	rows: []string{"create"}, attached: traced.attached, every: traced.every,
}

// What a bpftrace script can say about a creation.
const createScript = `kprobe:copy_net_ns / arg0 & 0x40000000 / {
	$p = ((struct task_struct *)curtask)->real_parent;
	time("%H:%M:%S ");
	printf("%s[%d] uid %d < %s[%d] %s\n", comm, pid, uid, $p->comm, $p->tgid, cgroup_path(cgroup));
}`

var (
	bpftraceCreations = &tracer{
		name: "bpftrace, a script on copy_net_ns", argv: []string{"bpftrace", "-B", "line", "-e", createScript},
		attached: onFunction("copy_net_ns"),
	}
	bpftraceExecs = &tracer{
		name: "bpftrace, execsnoop.bt", argv: []string{"bpftrace", "-B", "line", execsnoopScript()},
		rows: []string{"exec"}, attached: afterExec,
	}
	bccExecs = &tracer{
		name: "execsnoop of bpfcc-tools", argv: []string{"execsnoop-bpfcc"},
		rows: []string{"exec"}, attached: afterExec,
	}
	auditd = &tracer{
		name: "auditd, a rule on unshare, clone, setns", argv: []string{"auditd", "-n"},
		attached: func(string) (bool, error) { return auditing() },
		prepare:  []string{"auditctl -D", "auditctl -e 1"},
		restore:  []string{"auditctl -D", "auditctl -e 0"},
	}
)

// execsnoopScript is where bpftrace's package puts it.
func execsnoopScript() string {
	found, _ := filepath.Glob("/usr/*bin/execsnoop.bt")
	return strings.Join(append(found, "/usr/share/bpftrace/tools/execsnoop.bt")[:1], "")
}

func onFunction(name string) func(string) (bool, error) {
	return func(string) (bool, error) {
		list, err := os.ReadFile("/sys/kernel/tracing/enabled_functions")
		return bytes.Contains(list, []byte(name+" ")), err
	}
}

// afterExec has something to see, and looks whether it was seen.
func afterExec(out string) (bool, error) {
	const seen = "seen-by-execsnoop"
	if err := spawn("/bin/true", seen); err != nil {
		return false, err
	}
	return strings.Contains(out, seen), nil
}

// auditing reports whether the daemon is there, and then sets the rules.
func auditing() (bool, error) {
	out, err := exec.Command("auditctl", "-s").Output()
	if err != nil || !strings.Contains(string(out), "\npid ") || strings.Contains(string(out), "\npid 0\n") {
		return false, err
	}
	const newnet = "a0&0x40000000"
	return true, errors.Join(
		command("auditctl", "-a", "always,exit", "-F", "arch=b64", "-S", "unshare,clone", "-F", newnet, "-k", "netns"),
		command("auditctl", "-a", "always,exit", "-F", "arch=b64", "-S", "setns", "-k", "netns"),
	)
}

// running is a tracer at work.
type running struct {
	tracer *tracer
	cmd    *exec.Cmd
	ended  chan error
	// start and end are how long it took to attach, and to end. gone is how long the
	// kernel then took to let go of its programs.
	start, end, gone time.Duration
}

// launch starts a tracer and waits until it observes.
func launch(t *tracer, args ...string) (*running, error) {
	r := &running{tracer: t}
	if t == untraced {
		return r, nil
	}
	if err := os.RemoveAll(ready); err != nil {
		return nil, err
	}
	for _, line := range t.prepare {
		if err := command(strings.Fields(line)...); err != nil {
			return nil, err
		}
	}
	out, err := os.Create(r.output())
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	argv := append(slices.Clone(t.argv), args...)
	r.cmd = exec.Command(argv[0], argv[1:]...)
	r.cmd.Stdout, r.cmd.Stderr = out, out
	begin := time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	r.ended = make(chan error, 1)
	go func() { r.ended <- r.cmd.Wait() }()
	err = awaitEvery(cmp.Or(t.every, poll), t.name+" to attach", func() (bool, error) {
		select {
		case err := <-r.ended:
			return false, fmt.Errorf("it ended: %w", err)
		default:
		}
		said, err := os.ReadFile(r.output())
		if err != nil {
			return false, err
		}
		return t.attached(string(said))
	})
	r.start = time.Since(begin)
	if err != nil {
		_ = r.cmd.Process.Kill()
		said, _ := os.ReadFile(r.output())
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	return r, nil
}

func (r *running) output() string { return dir + "/output" }

func (r *running) pid() int { return r.cmd.Process.Pid }

// stop ends the tracer as Ctrl-C does.
func (r *running) stop() error {
	if r.tracer == untraced {
		return nil
	}
	held, err := programIDs(r.pid())
	if err != nil {
		return err
	}
	begin := time.Now()
	signal := os.Interrupt
	if r.tracer == auditd {
		signal = syscall.SIGTERM
	}
	if err := r.cmd.Process.Signal(signal); err != nil {
		return err
	}
	err = <-r.ended
	r.end = time.Since(begin)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && r.tracer != traced {
		err = nil // killed by the signal, or says that it was interrupted
	}
	// or the next start waits for that: for the last of them
	err = errors.Join(err, awaitEvery(cmp.Or(r.tracer.every, poll), "the kernel to let go of programs",
		func() (bool, error) { return gone(held) }))
	r.gone = time.Since(begin)
	for _, line := range r.tracer.restore {
		err = errors.Join(err, command(strings.Fields(line)...))
	}
	return err
}

func command(argv ...string) error {
	if said, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, said)
	}
	return nil
}

func await(what string, condition func() (bool, error)) error {
	return awaitEvery(poll, what, condition)
}

func awaitEvery(pause time.Duration, what string, condition func() (bool, error)) error {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(pause) {
		if ok, err := condition(); ok || err != nil {
			return err
		}
	}
	return errors.New("waited in vain for " + what)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// usage is how much CPU time a process has used, and how often it got a CPU.
type usage struct {
	cpu   time.Duration
	times uint64
}

// used adds up all threads: /proc/PID/task/TID/schedstat counts nanoseconds,
// where stat counts ticks.
func used(pid int) (usage, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return usage{}, err
	}
	var sum usage
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return usage{}, err
		}
		fields := strings.Fields(string(raw))
		if len(fields) != 3 {
			return usage{}, fmt.Errorf("%s: unexpected %q", file, raw)
		}
		ns, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			return usage{}, err
		}
		times, err := strconv.ParseUint(fields[2], 10, 64)
		if err != nil {
			return usage{}, err
		}
		sum.cpu += time.Duration(ns)
		sum.times += times
	}
	return sum, nil
}

// resident is the present size of a process in MiB.
func resident(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no VmRSS")
}
