package engine

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const startSecond = uint64(1e9)

// slowStart is a stream in which a child of pid 1's makes a namespace, is slow to
// call exec, and has its namespace joined meanwhile; another process makes one.
func slowStart(end ...event.Event) *script {
	child, other := event.ProcessID{PID: 2, StartNS: 1}, event.ProcessID{PID: 3, StartNS: 1}
	pid1 := event.ProcessID{PID: 1, StartNS: 1}
	systemd := event.ProgramID{Process: pid1, Exec: 1}
	events := []event.Event{
		at(0, &event.Host{ExecWaitNS: startSecond, StartWaitNS: 90 * startSecond}),
		at(0, &event.Coverage{Probe: event.ProbeRelease, Live: true}),
		at(1, &event.Program{ID: systemd, Argv: []string{"init"}, Exe: "/sbin/init"}),
		at(1, &event.Process{ID: pid1, Program: systemd, Comm: "init"}),
		at(2, &event.Process{ID: child, Parent: pid1, Program: systemd, Comm: "(d)"}),
		created(startSecond, 2),
		at(3*startSecond, &event.NetnsJoin{Serial: 2, Inum: 2, Process: other, TID: 3, How: event.JoinSetns, Ordinal: 1}),
		at(3*startSecond+1, &event.NetnsLeave{Serial: 2, Process: other, TID: 3}),
		created(5*startSecond, 3),
		at(6*startSecond, &event.Exit{Process: other}),
	}
	return &script{events: append(events, end...)}
}

// TestASlowStartDelaysNobody: a creation whose exec is awaited comes when that is
// there, with those who joined after it. Others go first.
func TestASlowStartDelaysNobody(t *testing.T) {
	child := event.ProcessID{PID: 2, StartNS: 1}
	for _, tc := range []struct {
		about   string
		end     []event.Event
		exec    bool
		awaited bool
	}{
		{"an exec", []event.Event{
			at(40*startSecond, &event.Exec{Process: child}), at(50*startSecond, &event.NetnsRelease{Serial: 2, Inum: 2}), at(60*startSecond, &event.End{}),
		}, true, false},
		{"the time is over", []event.Event{
			at(80*startSecond, &event.NetnsRelease{Serial: 2, Inum: 2}), at(95*startSecond, &event.Clock{}), at(100*startSecond, &event.End{}),
		}, false, true},
		{"the end", []event.Event{at(20*startSecond, &event.NetnsRelease{Serial: 2, Inum: 2}), at(30*startSecond, &event.End{})}, false, true},
		{"a break", []event.Event{at(20*startSecond, &event.NetnsRelease{Serial: 2, Inum: 2})}, false, true},
	} {
		t.Run(tc.about, func(t *testing.T) {
			var out tape
			var slow *finding.Attribution
			record := consumers{&out, consumer(func(f finding.Finding) {
				if c, ok := f.(*finding.Created); ok && c.Netns.Inum == 2 {
					slow = c.Attribution
				}
			})}
			src := slowStart(tc.end...)
			if _, err := Run(context.Background(), src, Options{Consumers: record}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]uint32{3, 2}, out.inums); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"2 left"}, out.joins); diff != "" {
				t.Errorf("joins (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"released 2 after 2"}, out.ends); diff != "" {
				t.Errorf("ends (-want +got):\n%s", diff)
			}
			if slow.ExecPending || slow.ExecAwaited != tc.awaited || (slow.Process.Exec != nil) != tc.exec {
				t.Errorf("%+v", slow.Creation)
			}
		})
	}
}

// consumers are several; consumer is one that cannot fail.
type (
	consumers = []finding.Consumer
	consumer  func(finding.Finding)
)

func (c consumer) Consume(f finding.Finding) error { c(f); return nil }
