package lineage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

const (
	second   = uint64(1e9)
	execWait = second
)

// pid is an identity whose start time follows from the pid.
func pid(n uint32) event.ProcessID { return event.ProcessID{PID: n, StartNS: uint64(n) * 10} }

func prog(n, exec uint32) event.ProgramID { return event.ProgramID{Process: pid(n), Exec: exec} }

// story feeds a tree and collects what it returns.
type story struct {
	tree *Tree
	done []*Creation
}

func newStory() *story {
	s := &story{tree: NewTree()}
	s.at(0, &event.Host{ExecWaitNS: execWait})
	return s
}

func (s *story) at(boot uint64, bodies ...event.Body) *story {
	for _, b := range bodies {
		s.done = append(s.done, s.tree.Observe(event.Event{BootNS: boot, Body: b})...)
	}
	return s
}

// process is a process that runs a program of its own.
func process(n, parent uint32, argv ...string) []event.Body {
	return []event.Body{
		&event.Program{ID: prog(n, 1), Argv: argv, Exe: "/bin/" + argv[0]},
		&event.Process{ID: pid(n), Parent: parentID(parent), Program: prog(n, 1), Comm: argv[0], Cgroup: 7},
	}
}

func parentID(n uint32) event.ProcessID {
	if n == 0 {
		return event.ProcessID{}
	}
	return pid(n)
}

func create(serial uint64, n uint32, call event.Call) *event.NetnsCreate {
	return &event.NetnsCreate{
		Serial: serial, Creator: pid(n), TID: n, Comm: "thread", Cgroup: 7, Call: call,
		Inum: 4026532000 + uint32(serial), DurationNS: 5,
	}
}

// sketch is a creation in a line: "creator>exec[child>exec] < ancestors".
func sketch(c *Creation) string {
	var b strings.Builder
	b.WriteString(name(&c.Process))
	if c.Child != nil {
		fmt.Fprintf(&b, "[%s]", name(c.Child))
	}
	for i := range c.Ancestry {
		b.WriteString(" < " + name(&c.Ancestry[i]))
	}
	if c.AncestryTruncated {
		b.WriteString(" … " + string(c.AncestryWhy))
	}
	return b.String()
}

func name(p *Process) string {
	out := fmt.Sprintf("%d:%s", p.ID.PID, strings.Join(p.Argv, " "))
	if p.Unresolved {
		out = fmt.Sprintf("%d:?", p.ID.PID)
	}
	if p.Exited {
		out += "(exited)"
	}
	if p.Exec != nil {
		out += ">" + strings.Join(p.Exec.Argv, " ")
	}
	return out
}

func (s *story) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, c := range s.done {
		got = append(got, sketch(c))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("creations (-want +got):\n%s", diff)
	}
}

func TestWaitsForTheExec(t *testing.T) {
	s := newStory().at(1, process(1, 0, "init")...).at(1, process(2, 1, "unshare")...)
	s.at(10, create(1, 2, event.CallUnshare))
	s.want(t)
	if got := s.tree.Deadline(); got != 10+5+execWait {
		t.Errorf("deadline = %d", got)
	}
	s.at(20, &event.Program{ID: prog(2, 2), Argv: []string{"true"}})
	s.at(20, &event.Process{ID: pid(2), Parent: pid(1), Program: prog(2, 2)}, &event.Exec{Process: pid(2)})
	s.want(t, "2:unshare>true < 1:init")
	if got := s.tree.Deadline(); got != 0 {
		t.Errorf("deadline = %d after all is told", got)
	}
}

func TestWaitEndsWithTheProcess(t *testing.T) {
	newStory().at(1, process(2, 0, "ip")...).
		at(10, create(1, 2, event.CallUnshare)).
		at(20, &event.Exit{Process: pid(2)}).
		want(t, "2:ip")
}

func TestWaitIsBounded(t *testing.T) {
	s := newStory().at(1, process(2, 0, "dockerd")...).at(10, create(1, 2, event.CallUnshare))
	s.at(10+execWait, &event.Clock{})
	s.want(t)
	s.at(10+5+execWait, &event.Clock{})
	s.want(t, "2:dockerd")
}

func TestFailureDoesNotWait(t *testing.T) {
	n := create(1, 2, event.CallUnshare)
	n.Errno, n.Inum = 28, 0
	newStory().at(1, process(2, 0, "unshare")...).at(10, n).want(t, "2:unshare")
}

func TestChildOfAClone(t *testing.T) {
	newStory().at(1, process(2, 0, "bwrap")...).
		at(10, create(1, 2, event.CallClone)).
		// the parent's own exec is not what is waited for
		at(11, &event.Exec{Process: pid(2)}).
		at(12, &event.Process{ID: pid(3), Parent: pid(2), Program: prog(2, 1)}, &event.NetnsChild{Serial: 1, Child: pid(3)}).
		at(13, &event.Program{ID: prog(3, 1), Argv: []string{"sh"}}).
		at(13, &event.Process{ID: pid(3), Parent: pid(2), Program: prog(3, 1)}, &event.Exec{Process: pid(3)}).
		want(t, "2:bwrap[3:bwrap>sh]")
}

func TestDeadAncestorsAreNamed(t *testing.T) {
	sh := process(2, 1, "sh", "-c", "daemon &")
	sh[1].(*event.Process).Exited = true
	newStory().at(1, process(1, 0, "init")...).at(1, sh...).at(1, process(3, 2, "daemon")...).
		at(10, create(1, 3, event.CallUnshare), &event.Exit{Process: pid(3)}).
		want(t, "3:daemon < 2:sh -c daemon &(exited) < 1:init")
}

func TestReusedPid(t *testing.T) {
	old := &event.Process{ID: event.ProcessID{PID: 2, StartNS: 1}, Program: prog(2, 9), Comm: "old"}
	newStory().at(1, &event.Program{ID: prog(2, 9), Argv: []string{"old"}}, old).
		at(1, process(2, 0, "new")...).at(1, process(3, 2, "unshare")...).
		at(10, create(1, 3, event.CallUnshare), &event.Exit{Process: pid(3)}).
		want(t, "3:unshare < 2:new")
}

func TestForkedButNotExeced(t *testing.T) {
	s := newStory().at(1, process(1, 0, "systemd")...).
		at(1, &event.Process{ID: pid(2), Parent: pid(1), Program: prog(1, 1), Comm: "(ostnamed)"}).
		at(10, create(1, 2, event.CallUnshare), &event.Exit{Process: pid(2)})
	s.want(t, "2:systemd < 1:systemd")
	if c := s.done[0]; !c.Process.ArgvInherited || c.Ancestry[0].ArgvInherited {
		t.Errorf("inherited: %v, %v; want true, false", c.Process.ArgvInherited, c.Ancestry[0].ArgvInherited)
	}
}

func TestWhereTheLineageEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(p *event.Process, n *event.NetnsCreate)
		want string
	}{
		{"at the root", func(*event.Process, *event.NetnsCreate) {}, "2:unshare"},
		{"parent unknown", func(p *event.Process, _ *event.NetnsCreate) { p.Parent = pid(99) }, "2:unshare < 99:? … " + string(CutParentUnknown)},
		{"cut by the BPF programs", func(p *event.Process, _ *event.NetnsCreate) { p.AncestryCut = true }, "2:unshare … " + string(CutTooLong)},
		{"lost", func(p *event.Process, n *event.NetnsCreate) { p.Parent, n.AncestorsLost = pid(99), 1 }, "2:unshare < 99:? … " + string(CutLost)},
		{"creator itself unknown", func(_ *event.Process, n *event.NetnsCreate) { n.Creator = pid(98) }, "98:? … " + string(CutParentUnknown)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := process(2, 0, "unshare")
			n := create(1, 2, event.CallUnshare)
			n.Errno = 28
			tt.edit(b[1].(*event.Process), n)
			newStory().at(1, b...).at(10, n).want(t, tt.want)
		})
	}
}

func TestCircleOfParentsEnds(t *testing.T) {
	s := newStory().at(1, process(1, 2, "a")...).at(1, process(2, 1, "b")...).
		at(10, create(1, 2, event.CallUnshare), &event.End{})
	s.want(t, "2:b < 1:a … "+string(CutCircle))
}

func TestItsOwnParentEnds(t *testing.T) {
	newStory().at(1, process(1, 1, "a")...).
		at(10, create(1, 1, event.CallUnshare), &event.End{}).
		want(t, "1:a … "+string(CutCircle))
}

func TestForgottenProcessStaysInWhatWaits(t *testing.T) {
	newStory().at(1, process(1, 0, "init")...).at(1, process(2, 1, "ip")...).
		at(10, create(1, 2, event.CallUnshare)).
		at(11, &event.Exit{Process: pid(2)}, &event.Forget{Process: pid(2)}, &event.Forget{Program: prog(2, 1)}).
		want(t, "2:ip < 1:init")
}

func TestTheThreadIsTheCreator(t *testing.T) {
	n := create(1, 2, event.CallUnshare)
	n.TID, n.Comm, n.UID = 5, "worker", 1000
	s := newStory().at(1, process(2, 0, "server")...).at(10, n, &event.End{})
	p := s.done[0].Process
	if p.ID != pid(2) || p.TID != 5 || p.Comm != "worker" || p.UID != 1000 {
		t.Errorf("creator = %+v", p)
	}
}

// Whatever the stream, a creation comes out exactly once.
func TestEveryCreationComesOutOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStory()
		id := func() uint32 { return rapid.Uint32Range(1, 5).Draw(t, "pid") }
		var now, made uint64
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			now += rapid.Uint64Range(0, execWait).Draw(t, "time")
			switch rapid.IntRange(0, 6).Draw(t, "kind") {
			case 0:
				made++
				call := rapid.SampledFrom([]event.Call{event.CallUnshare, event.CallClone, event.CallUnknown}).Draw(t, "call")
				n := create(made, id(), call)
				n.Errno = rapid.SampledFrom([]uint32{0, 0, 4, 28}).Draw(t, "errno")
				s.at(now, n)
			case 1:
				s.at(now, process(id(), id(), "x")...)
			case 2:
				s.at(now, &event.Exec{Process: pid(id())})
			case 3:
				s.at(now, &event.Exit{Process: pid(id())})
			case 4:
				s.at(now, &event.NetnsChild{Serial: rapid.Uint64Range(0, made+1).Draw(t, "serial"), Child: pid(id())})
			case 5:
				s.at(now, &event.Forget{Process: pid(id()), Program: prog(id(), 1)})
			case 6:
				s.at(now, &event.Clock{})
			}
		}
		s.done = append(s.done, s.tree.Flush()...)
		seen := make(map[uint64]bool)
		for _, c := range s.done {
			if seen[c.Netns.Serial] {
				t.Fatalf("creation %d came out twice", c.Netns.Serial)
			}
			seen[c.Netns.Serial] = true
		}
		if uint64(len(seen)) != made {
			t.Fatalf("%d of %d creations came out", len(seen), made)
		}
	})
}
