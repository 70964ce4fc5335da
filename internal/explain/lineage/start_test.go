package lineage

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

const startWait = 90 * second

// starting is a tree in which a child of pid 1's, 2, has made a namespace at 10, and
// has not called exec.
func starting(t *testing.T, host *event.Host) *story {
	t.Helper()
	s := &story{tree: NewTree()}
	s.at(0, host).at(1, process(1, 0, "init")...)
	s.at(5, &event.Process{ID: pid(2), Parent: pid(1), Program: prog(1, 1), Comm: "(d)"})
	s.at(10, create(1, 2, event.CallUnshare))
	return s
}

func bothWaits() *event.Host { return &event.Host{ExecWaitNS: execWait, StartWaitNS: startWait} }

// exec is that of process 2.
func (s *story) exec(at uint64) {
	s.at(at, &event.Program{ID: prog(2, 1), Argv: []string{"daemon"}})
	s.at(at, &event.Process{ID: pid(2), Parent: pid(1), Program: prog(2, 1)}, &event.Exec{Process: pid(2)})
}

// TestAStartIsWaitedFor: a manager's child is handed over like others, so that its
// causes are looked for, and its exec is awaited until the child calls it or ends.
func TestAStartIsWaitedFor(t *testing.T) {
	for _, tc := range []struct {
		about   string
		then    func(*story)
		exec    bool
		awaited bool // longer than it was waited for
	}{
		{"an exec after 40 s", func(s *story) { s.exec(40 * second) }, true, false},
		{"an end after 40 s", func(s *story) { s.at(40*second, &event.Exit{Process: pid(2)}) }, false, false},
		{"neither in 90 s", func(s *story) { s.at(91*second, &event.Clock{}) }, false, true},
		{"an exec too late", func(s *story) { s.exec(91 * second) }, false, true},
		{"the end of the stream", func(s *story) { s.at(40*second, &event.End{}) }, false, true},
		{"a stream that breaks off", func(s *story) { s.done = append(s.done, s.tree.Flush()...) }, false, true},
	} {
		s := starting(t, bothWaits())
		s.at(2*second, &event.Clock{})
		if len(s.done) != 1 || !s.done[0].ExecPending || s.done[0].ExecAwaited || len(s.tree.Settled()) != 0 {
			t.Fatalf("%s: after the short wait %+v", tc.about, s.done)
		}
		if got := s.tree.Deadline(); got != 10+5+startWait {
			t.Errorf("%s: deadline %d", tc.about, got)
		}
		tc.then(s)
		settled := s.tree.Settled()
		if len(s.done) != 1 || len(settled) != 1 || settled[0] != s.done[0] || len(s.tree.Settled()) != 0 {
			t.Fatalf("%s: %d handed over, %d settled", tc.about, len(s.done), len(settled))
		}
		c := settled[0]
		if c.ExecPending || c.ExecAwaited != tc.awaited || (c.Process.Exec != nil) != tc.exec {
			t.Errorf("%s: %+v", tc.about, c)
		}
		if got := s.tree.Deadline(); got != 0 {
			t.Errorf("%s: deadline %d at the end", tc.about, got)
		}
	}
}

// TestAnExecInTime: what calls exec within the short wait is complete with that.
func TestAnExecInTime(t *testing.T) {
	s := starting(t, bothWaits())
	s.exec(20)
	s.want(t, "2:init>daemon < 1:init")
	if c := s.done[0]; c.ExecPending || c.ExecAwaited || len(s.tree.Settled()) != 0 {
		t.Errorf("%+v", c)
	}
}

// TestOthersWaitShortly: what no manager forked, and what recordings of before hold,
// is complete after the short wait.
func TestOthersWaitShortly(t *testing.T) {
	shell := starting(t, bothWaits())
	shell.done = nil
	shell.at(20, &event.Exit{Process: pid(2)})
	shell.done = nil
	shell.at(30, process(3, 1, "sh")...).at(31, process(4, 3, "unshare")...)
	shell.at(40, create(2, 4, event.CallUnshare)).at(2*second, &event.Clock{})
	old := starting(t, &event.Host{ExecWaitNS: execWait})
	old.at(2*second, &event.Clock{})
	for about, s := range map[string]*story{"a shell's child": shell, "a recording of before": old} {
		if len(s.done) != 1 || s.done[0].ExecPending || !s.done[0].ExecAwaited {
			t.Errorf("%s: %+v", about, s.done)
		}
	}
}

// TestByManager: pid 1 and the systemd of a user are managers, and their child is
// theirs until it has a program of its own.
func TestByManager(t *testing.T) {
	const base = "/user.slice/user-1000.slice/user@1000.service"
	manager := func(id uint32, exe, cgroup string) Process { return Process{ID: pid(id), Exe: exe, Cgroup: cgroup} }
	for _, tc := range []struct {
		about string
		child Process
		by    []Process
		want  bool
	}{
		{"a child of pid 1", Process{ArgvInherited: true}, []Process{manager(1, "/sbin/init", "/init.scope")}, true},
		{"its program", Process{Exe: "/usr/bin/d"}, []Process{manager(1, "/sbin/init", "/init.scope")}, false},
		{"its executor", Process{Exe: "/usr/lib/systemd/systemd-executor"}, []Process{manager(1, "/sbin/init", "/init.scope")}, true},
		{"a user's", Process{ArgvInherited: true}, []Process{manager(9, "/usr/lib/systemd/systemd", base+"/init.scope")}, true},
		{"a namesake", Process{ArgvInherited: true}, []Process{manager(9, "/home/u/systemd", base+"/app.slice/x.service")}, false},
		{"a shell's", Process{ArgvInherited: true}, []Process{manager(9, "/bin/sh", "/system.slice/x.service")}, false},
		{"nobody's", Process{ArgvInherited: true}, nil, false},
	} {
		if got := (&Creation{Process: tc.child, Ancestry: tc.by}).ByManager(); got != tc.want {
			t.Errorf("%s: %v", tc.about, got)
		}
	}
}

// TestStartsAreBounded: beyond the budget the oldest waits no longer, and says so.
func TestStartsAreBounded(t *testing.T) {
	s := &story{tree: NewTree()}
	s.at(0, bothWaits()).at(1, process(1, 0, "init")...)
	var settled int
	const n = 3000
	for i := range uint32(n) {
		id := i + 2
		s.at(uint64(id), &event.Process{ID: pid(id), Parent: pid(1), Program: prog(1, 1), Comm: "(d)"})
		s.at(uint64(id), create(uint64(id), id, event.CallUnshare))
	}
	s.at(2*second, &event.Clock{})
	for _, c := range s.tree.Settled() {
		settled++
		if !c.ExecAwaited || c.ExecPending {
			t.Fatalf("%+v", c)
		}
	}
	var awaited int // those for which there was no room even before
	for _, c := range s.done {
		if c.ExecAwaited {
			awaited++
		}
	}
	waiting := s.tree.starting.Len()
	if s.tree.starting.Bytes() > startingBudget || settled == 0 || awaited+waiting != n || len(s.done) != n {
		t.Errorf("%d bytes; of %d %d wait, %d are awaited", s.tree.starting.Bytes(), n, waiting, awaited)
	}
	if s.tree.Hurried() != uint64(awaited) {
		t.Errorf("%d hurried, %d counted", awaited, s.tree.Hurried())
	}
}
