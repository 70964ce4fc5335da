package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/recording"
	"github.com/nsblame/nsblame/internal/stream/redact"
)

// floodRecords is how many records a flood has.
const floodRecords = 1_000_000

// flood is a source of all that one user can do at once, while word of what may be
// forgotten is lost.
type flood struct {
	t       *testing.T
	n, at   uint64
	ready   []event.Event
	asked   []event.Question
	serial  uint64
	argv    string
	unit    string
	message []byte
	// atHalf and atEnd are the sizes of the heap.
	atHalf, atEnd heap
}

const floodBase = "/user.slice/user-1000.slice/user@1000.service"

func floodID(i uint64) event.ProcessID {
	return event.ProcessID{PID: uint32(i%4_000_000) + 1000, StartNS: i + 10}
}

func newFlood(t *testing.T) *flood {
	t.Helper()
	f := &flood{t: t, argv: strings.Repeat("x", 64<<10), unit: strings.Repeat("y", 60<<10)}
	f.message = floodCall(t)
	init, manager := event.ProcessID{PID: 1, StartNS: 1}, event.ProcessID{PID: 100, StartNS: 2}
	f.add(
		&event.Host{CgroupHierarchy: "unified", ExecWaitNS: 1e9},
		&event.Coverage{Probe: event.ProbeBus, Live: true}, &event.Coverage{Probe: event.ProbeRelease, Live: true},
		&event.Coverage{Probe: event.ProbeNetFree, Live: true},
		&event.Cgroup{ID: 1, Path: "/init.scope"}, &event.Cgroup{ID: 2, Path: floodBase + "/init.scope"},
		&event.Program{ID: event.ProgramID{Process: init}, Argv: []string{"/sbin/init"}, Exe: "/usr/lib/systemd/systemd"},
		&event.Process{ID: init, Program: event.ProgramID{Process: init}, Comm: "systemd", Cgroup: 1},
		&event.Program{ID: event.ProgramID{Process: manager}, Argv: []string{"systemd", "--user"}, Exe: "/usr/lib/systemd/systemd"},
		&event.Process{ID: manager, Parent: init, Program: event.ProgramID{Process: manager}, Comm: "systemd", UID: 1000, Cgroup: 2},
	)
	return f
}

// floodCall asks a user's manager to start a unit.
func floodCall(t *testing.T) []byte {
	t.Helper()
	m := &dbus.Message{
		Type: dbus.TypeMethodCall, Body: []any{"foo.service", "replace"},
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/systemd1")), dbus.FieldMember: dbus.MakeVariant("StartUnit"),
			dbus.FieldInterface: dbus.MakeVariant("org.freedesktop.systemd1.Manager"), dbus.FieldDestination: dbus.MakeVariant("org.freedesktop.systemd1"),
			dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf("", "")),
		},
	}
	var out bytes.Buffer
	if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(out.Bytes()[8:], 7) // the serial, without which it is no message
	return out.Bytes()
}

func (f *flood) add(bodies ...event.Body) {
	for _, b := range bodies {
		f.at += 100_000
		f.ready = append(f.ready, event.Event{BootNS: f.at, Body: b})
	}
}

// more is what one more process does.
func (f *flood) more() {
	f.serial++
	i := f.serial
	id, cgroup := floodID(i), event.CgroupID(i+10)
	program := event.ProgramID{Process: id, Exec: 1}
	argv := "x"
	if i%32 == 0 {
		argv = strings.Clone(f.argv)
	}
	f.add(
		&event.Program{ID: program, Argv: []string{fmt.Sprint(i), argv}, Exe: fmt.Sprint("/home/u/", i)},
		&event.Cgroup{ID: cgroup, Path: fmt.Sprintf("%s/app.slice/x%d-%s.service", floodBase, i, f.unit[:100])},
		&event.Process{ID: id, Parent: event.ProcessID{PID: 100, StartNS: 2}, Program: program, Comm: "evil", UID: 1000, Cgroup: cgroup},
		&event.BusMessage{
			Sender: id, Bus: 3, Path: "/run/user/1000/systemd/private", PeerPID: 100, Conn: i,
			Listener: event.ProcessID{PID: 100, StartNS: 2}, Size: uint32(len(f.message)), Data: f.message,
		},
		&event.NetnsCreate{Serial: i, Creator: id, TID: id.PID, Comm: "evil", UID: 1000, Cgroup: cgroup, Call: event.CallUnshare, Inum: uint32(i)},
		&event.NetnsJoin{Serial: i, Inum: uint32(i), Process: id, TID: id.PID + 1, Comm: "evil", How: event.JoinSetns},
		&event.Loss{Kind: event.LossForget, Count: 1},
	)
	if i%4 != 0 { // of some nothing is ever heard again
		f.add(&event.Exit{Process: id}, &event.NetnsRelease{Serial: i, Inum: uint32(i), By: id})
	}
	if len(f.asked) > 0 && i%3 == 0 { // some questions are answered, at length
		q := f.asked[0]
		f.asked = f.asked[1:]
		f.add(&event.Unit{Question: q, Unit: event.UnitState{Name: q.Unit, Type: "simple", Names: []string{q.Unit, strings.Clone(f.unit)}}})
	}
	f.asked = f.asked[:min(len(f.asked), 16)]
}

func (f *flood) Next(context.Context) (event.Event, error) {
	f.n++
	switch {
	case f.n == floodRecords/2:
		f.atHalf = inUse()
	case f.n == floodRecords:
		f.atEnd = inUse()
		return event.Event{}, io.EOF
	case len(f.ready) == 0:
		f.ready = f.ready[:0]
		f.more()
	}
	if len(f.ready) == 0 {
		f.more()
	}
	ev := f.ready[0]
	f.ready[0] = event.Event{}
	f.ready = f.ready[1:]
	return ev, nil
}

func (f *flood) WakeAt(uint64)        {}
func (f *flood) Ask(q event.Question) { f.asked = append(f.asked, q) }

func (f *flood) AskContainer(event.ContainerQuestion) {}

// heap is the size of the heap: what is in use, and the pages that it lies on.
type heap struct{ used, pages uint64 }

func inUse() heap {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return heap{m.HeapAlloc, m.HeapInuse}
}

// discarded is a recording of which nothing is kept.
type discarded struct{ *recording.Writer }

// Whatever one user does, memory does not grow with it.
func TestAFloodTakesNoMoreMemoryInItsSecondHalf(t *testing.T) {
	if os.Getenv("NSBLAME_FLOOD") == "" {
		t.Skip("a million records take a minute: make flood, or set NSBLAME_FLOOD")
	}
	writer, err := recording.NewWriter(io.Discard, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := newFlood(t)
	collector := report.NewCollector()
	src := engine.Record(f, discarded{writer}, redact.New(0, nil), func() {})
	summary, err := engine.Run(t.Context(), src, engine.Options{Consumers: []finding.Consumer{
		collector, judged{condition.NewJudge([]condition.Condition{{Name: condition.Leaked}})},
	}})
	if err != nil {
		t.Fatal(err)
	}
	half, end := f.atHalf, f.atEnd
	t.Logf("%d records, %d creations: %d KiB on pages of %d KiB after half of them, %d on %d KiB after all; lost %v",
		f.n, f.serial, half.used>>10, half.pages>>10, end.used>>10, end.pages>>10, summary.Lost)
	if end.pages > half.pages+half.pages/8 {
		t.Errorf("the heap grows from %d to %d KiB", half.pages>>10, end.pages>>10)
	}
	if most := inUserSpace(); end.used > most {
		t.Errorf("%d KiB are used, the budgets are %d KiB", end.used>>10, most>>10)
	}
	for _, kind := range []event.LossKind{event.LossLineage, event.LossWaiting, event.LossLife, event.LossRequest} {
		if summary.Lost[kind] == 0 {
			t.Errorf("nothing says that something was lost: %s", kind)
		}
	}
	runtime.KeepAlive(collector)
}
