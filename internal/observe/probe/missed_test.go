package probe

import (
	"bufio"
	"bytes"
	"errors"
	"os/exec"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// An exec whose probe the kernel has left out, as one that may be preempted does,
// is made up for when the process is met again: it is not told by the command line
// of the program that it was forked from.
func TestMissedExecIsMadeUpFor(t *testing.T) {
	set := choose(Options{Life: true}, kernel.HierarchyUnified)
	set.preempts = true
	coll, err := newCollection(set)
	skipIfRefused(t, err)
	defer func() { _ = coll.Close() }()
	const untilFork = 4 // groups
	skipIfRefused(t, coll.attachGroups(slices.DeleteFunc(slices.Clone(groups[:untilFork]), func(g group) bool {
		return g.probe == event.ProbeProcessExec
	})))
	// The subshell is a fork, at which the shell is met.
	argv := []string{"sh", "-c", "(:); echo forked; read line"}
	shell := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	stdin, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(stdin.Close(), shell.Wait()) }()
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	key, ok := coll.living(uint32(shell.Process.Pid))
	if !ok {
		t.Fatal("the shell is not in the table")
	}
	var p bpfProcess
	if err := coll.maps[bpfMapProcesses].Lookup(key, &p); err != nil {
		t.Fatal(err)
	}
	var program bpfProgram
	err = coll.maps[bpfMapProgramsFirst].Lookup(p.Program, &program)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		err = coll.maps[bpfMapPrograms].Lookup(p.Program, &program)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []byte("sh\x00-c\x00" + argv[2] + "\x00")
	if got := filled(program.Rec.Argv[:], program.Rec.ArgvLen); !bytes.Equal(got, want) {
		t.Errorf("its command line is %q, want %q", got, want)
	}
}

// skipIfRefused skips a test that the kernel does not allow, or not this user; any
// other error is a failure.
func skipIfRefused(tb testing.TB, err error) {
	tb.Helper()
	var refused *unsupported.Error
	if errors.As(err, &refused) {
		tb.Skip("this kernel or these rights don't allow it: ", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
}
