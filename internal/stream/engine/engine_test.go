package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// script is a source that plays events, and ends early on demand, as a live one
// does.
type script struct {
	events []event.Event
	wakes  []uint64
}

func (s *script) Next(ctx context.Context) (event.Event, error) {
	if ctx.Err() != nil || len(s.events) == 0 {
		return event.Event{}, io.EOF
	}
	ev := s.events[0]
	s.events = s.events[1:]
	return ev, nil
}

// alarm is a consumer that waits for a time.
type alarm struct{ at uint64 }

func (a *alarm) Deadline() uint64 { return a.at }

func (a *alarm) Consume(f finding.Finding) error {
	if o, ok := f.(*finding.Observed); ok && a.at != 0 && o.Event.BootNS >= a.at {
		a.at = 0
	}
	return nil
}

// A consumer for which time matters has the source woken up.
func TestConsumersAreWoken(t *testing.T) {
	src := &script{events: []event.Event{{BootNS: 1, Body: &event.Host{}}, {BootNS: 70, Body: &event.Clock{}}, {BootNS: 80, Body: &event.Clock{}}}}
	if _, err := Run(t.Context(), src, Options{Consumers: []finding.Consumer{&tape{}, &alarm{at: 60}}}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]uint64{60, 0}, src.wakes); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func (s *script) Ask(event.Question) {}

func (s *script) AskContainer(event.ContainerQuestion) {}

func (s *script) WakeAt(boot uint64) { s.wakes = append(s.wakes, boot) }

// tape remembers what it consumed.
type tape struct {
	inums    []uint32
	ends     []string
	joins    []string
	losses   []event.LossKind
	lost     map[event.Owner]uint64 // requests
	coverage []string
	loads    []string
	summary  *finding.Summary
}

func (t *tape) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Created:
		if f.Selected {
			t.inums = append(t.inums, f.Netns.Inum)
		}
	case *finding.Joined:
		t.joins = append(t.joins, fmt.Sprintf("%d %s", f.Netns.Inum, f.Then))
	case *finding.Ended:
		step := "released"
		if f.Free != nil {
			step = "freed"
		}
		t.ends = append(t.ends, fmt.Sprintf("%s %d after %d", step, f.Inum(), len(t.inums)))
	case *finding.Lost:
		t.losses = append(t.losses, f.Kind)
		if f.Kind == event.LossRequest {
			t.lost[f.Owner] += f.Count
		}
	case *finding.Covered:
		t.coverage = append(t.coverage, string(f.Probe))
	case *finding.PernetInit:
		if f.Selected {
			t.loads = append(t.loads, f.Init.Subsystem)
		}
	case *finding.Summary:
		t.summary = f
	}
	return nil
}

// only is the one consumer of a run.
func only(c finding.Consumer) []finding.Consumer { return []finding.Consumer{c} }

func at(boot uint64, b event.Body) event.Event { return event.Event{BootNS: boot, Body: b} }

func created(boot uint64, inum uint32) event.Event {
	return at(boot, &event.NetnsCreate{
		Serial: uint64(inum), Inum: inum, Call: event.CallUnshare, Creator: event.ProcessID{PID: inum, StartNS: 1},
	})
}

func TestRun(t *testing.T) {
	src := &script{events: []event.Event{
		at(0, &event.Host{ExecWaitNS: 100}),
		at(1, &event.Coverage{Probe: "copy_net_ns", Live: true}),
		created(10, 1),
		at(20, &event.Loss{Kind: event.LossCreation, Count: 2}),
		at(30, &event.Exit{Process: event.ProcessID{PID: 1, StartNS: 1}}),
		created(40, 2),
		at(50, &event.End{Seen: 4}),
	}}
	var out tape
	sum, err := Run(context.Background(), src, Options{Consumers: only(&out)})
	if err != nil {
		t.Fatal(err)
	}
	want := finding.Summary{Seen: 4, Printed: 2, Cut: 2, Lost: map[event.LossKind]uint64{event.LossCreation: 2}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&want, out.summary); diff != "" {
		t.Errorf("printed summary (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint32{1, 2}, out.inums); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{110, 0, 140, 0}, src.wakes); diff != "" {
		t.Errorf("deadlines (-want +got):\n%s", diff)
	}
	if len(out.losses) != 1 || len(out.coverage) != 1 {
		t.Errorf("losses %v, coverage %v", out.losses, out.coverage)
	}
}

// witness remembers which creations were selected, and refuses an event.
type witness struct {
	events   int
	selected map[uint32]bool
	refuses  uint32
}

var errWitness = errors.New("that one")

func (w *witness) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		w.events++
		if n, ok := f.Body.(*event.NetnsCreate); ok && w.refuses == n.Inum {
			return errWitness
		}
	case *finding.Created:
		w.selected[f.Netns.Inum] = f.Selected
	}
	return nil
}

// Consumers get all, with what was not selected. The error of one ends the run.
func TestConsumers(t *testing.T) {
	stream := func() *script {
		return &script{events: []event.Event{created(1, 1), created(2, 2), at(3, &event.End{Seen: 2})}}
	}
	w := &witness{selected: make(map[uint32]bool)}
	failed := Filter{FailedOnly: true}
	src := stream()
	src.events[1].Body.(*event.NetnsCreate).Errno = 28
	sum, err := Run(context.Background(), src, Options{Consumers: only(w), Filter: failed})
	if err != nil || sum.Printed != 1 || w.events != 3 {
		t.Errorf("%+v, %v, %d events", sum, err, w.events)
	}
	if diff := cmp.Diff(map[uint32]bool{1: false, 2: true}, w.selected); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
	w = &witness{selected: make(map[uint32]bool), refuses: 2}
	if _, err := Run(context.Background(), stream(), Options{Consumers: only(w)}); !errors.Is(err, errWitness) {
		t.Errorf("%v", err)
	}
}

func TestRunEndsWithTheCount(t *testing.T) {
	src := &script{events: []event.Event{created(1, 1), created(2, 2), created(3, 3), created(4, 4)}}
	var out tape
	sum, err := Run(context.Background(), src, Options{Consumers: only(&out), Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Printed != 2 || len(out.inums) != 2 || out.summary == nil {
		t.Errorf("printed %d: %v, summary %v", sum.Printed, out.inums, out.summary)
	}
}

// ended is a stream in which a namespace is gone before its creation is
// printed, one is older, and one stays.
func ended() *script {
	return &script{events: []event.Event{
		at(0, &event.Host{ExecWaitNS: 1000}),
		at(1, &event.Coverage{Probe: "__put_net", Live: true}),
		at(1, &event.Coverage{Probe: "net_free", Live: true}),
		created(10, 1),
		at(11, &event.NetnsRelease{Serial: 1, Inum: 1, CreatedNS: 10}),
		at(12, &event.NetnsFree{Serial: 1, Inum: 1, CreatedNS: 10, ReleasedNS: 11}),
		at(13, &event.NetnsRelease{Inum: 7}),
		at(14, &event.Exit{Process: event.ProcessID{PID: 1, StartNS: 1}}),
		created(20, 2),
		at(30, &event.End{Seen: 2}),
	}}
}

// An end is printed after its creation, and one of an older namespace at once.
func TestRunPrintsEnds(t *testing.T) {
	var out tape
	sum, err := Run(context.Background(), ended(), Options{Consumers: only(&out)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"released 7 after 0", "released 1 after 1", "freed 1 after 1"}, out.ends); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(finding.Counts{Known: true, Alive: 1}, sum.Life); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// The filter holds for ends as for creations. Of one whose creation is not
// known it cannot be shown.
func TestRunFiltersEnds(t *testing.T) {
	var out tape
	sum, err := Run(context.Background(), ended(), Options{Consumers: only(&out), Filter: Filter{UIDs: []uint32{5}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.ends) > 0 || sum.Life.Alive != 0 {
		t.Errorf("printed %v, %d alive", out.ends, sum.Life.Alive)
	}
}

// A window leaves out creations and ends at other times, by the clock as it is by then.
// Creations before it are read: they are still seen.
func TestRunKeepsToTheWindow(t *testing.T) {
	const begin = int64(1000)
	moment := func(ns int64) time.Time { return time.Unix(0, ns) }
	for name, tc := range map[string]struct {
		within finding.Window
		want   []uint32
	}{
		"all":         {finding.Window{}, []uint32{1, 2, 3, 4}},
		"since":       {finding.Window{Since: moment(begin + 20)}, []uint32{2, 3, 4}},
		"until":       {finding.Window{Until: moment(begin + 20)}, []uint32{1, 2}},
		"both":        {finding.Window{Since: moment(begin + 11), Until: moment(begin + 39)}, []uint32{2, 3}},
		"clock's set": {finding.Window{Since: moment(2 * begin)}, []uint32{4}},
	} {
		var out tape
		src := &script{events: []event.Event{
			at(0, &event.Host{ClockOffsetNS: begin}),
			created(10, 1), created(20, 2), created(30, 3),
			at(31, &event.Exit{Process: event.ProcessID{PID: 9, StartNS: 1}}), // 3 awaits no exec any longer
			at(32, &event.Clock{OffsetNS: 2 * begin}),
			created(40, 4),
		}}
		sum, err := Run(context.Background(), src, Options{Consumers: only(&out), Within: tc.within})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, out.inums); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if sum.Seen != 4 || sum.Printed != uint64(len(tc.want)) || sum.Within != tc.within {
			t.Errorf("%s: %+v", name, sum)
		}
	}
}

// A stream that breaks off without an End still yields what waits.
func TestRunFlushes(t *testing.T) {
	var out tape
	src := &script{events: []event.Event{at(0, &event.Host{ExecWaitNS: 1e9}), created(1, 1)}}
	if _, err := Run(context.Background(), src, Options{Consumers: only(&out)}); err != nil {
		t.Fatal(err)
	}
	if len(out.inums) != 1 {
		t.Errorf("printed %v", out.inums)
	}
}

// The error of a consumer ends the run, also one of a finding.
func TestRunGivesBackTheConsumersError(t *testing.T) {
	src := &script{events: []event.Event{created(1, 1)}}
	if _, err := Run(context.Background(), src, Options{Consumers: only(closed{})}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}

// closed takes no creation.
type closed struct{}

func (closed) Consume(f finding.Finding) error {
	if _, ok := f.(*finding.Created); ok {
		return io.ErrClosedPipe
	}
	return nil
}

func TestFilter(t *testing.T) {
	exec := &lineage.Process{Comm: "systemd-hostnam"}
	c := &finding.Attribution{
		Creation: &lineage.Creation{
			Process: lineage.Process{Comm: "(ostnamed)", UID: 5, Exec: exec},
			Child:   &lineage.Process{Comm: "child"},
		},
		Placement: cgroup.Placement{Unit: `foo\x2dbar.service`, Container: &cgroup.Container{ID: "abcdef"}},
	}
	for _, tt := range []struct {
		name   string
		filter Filter
		want   bool
	}{
		{"none", Filter{}, true},
		{"unit by name", Filter{Units: []string{`foo\x2dbar.service`}}, true},
		{"unit by pattern", Filter{Units: []string{"x", "foo*"}}, true},
		{"other unit", Filter{Units: []string{"foo"}}, false},
		{"comm", Filter{Comms: []string{"(ostnamed)"}}, true},
		{"comm after exec", Filter{Comms: []string{"systemd-*"}}, true},
		{"comm of the child", Filter{Comms: []string{"child"}}, true},
		{"other comm", Filter{Comms: []string{"systemd"}}, false},
		{"container by prefix", Filter{Containers: []string{"abc"}}, true},
		{"other container", Filter{Containers: []string{"bc"}}, false},
		{"uid", Filter{UIDs: []uint32{5}}, true},
		{"other uid", Filter{UIDs: []uint32{0}}, false},
		{"failed", Filter{FailedOnly: true}, false},
		{"all must match", Filter{UIDs: []uint32{5}, Comms: []string{"x"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.filter.Match(c); got != tt.want {
				t.Errorf("Match = %v", got)
			}
		})
	}
}

// A name alone is that of a unit or a container of the machine's. What a user's own
// manager calls so, or a cgroup below it, has to be asked for.
func TestFilterByOwner(t *testing.T) {
	const (
		id      = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d"
		user    = "/user.slice/user-1000.slice/user@1000.service/app.slice/"
		machine = "/system.slice/"
	)
	unit := func(list ...string) Filter { return Filter{Units: list} }
	container := func(list ...string) Filter { return Filter{Containers: list} }
	for _, tc := range []struct {
		path   string
		filter Filter
		want   bool
	}{
		{machine + "cron.service", unit("cron.service"), true},
		{user + "cron.service", unit("cron.service"), false},
		{user + "cron.service", unit("c*.service"), false},
		{user + "cron.service", unit("user@1000/cron.service"), true},
		{user + "cron.service", unit("user@*/cron.service"), true},
		{user + "cron.service", unit("user@1000.service"), true},
		{machine + "cron.service", unit("user@1000/cron.service", "user@*/*"), false},
		{machine + "docker-" + id + ".scope", container(id[:12]), true},
		{user + "docker-" + id + ".scope", container(id[:12]), false},
		{user + "x.service/kubepods/burstable/pod0c1f3a5b7d9e4f60a1b2c3d4e5f60718/" + id, container(id), false},
		{user + "x.service/kubepods/burstable/pod0c1f3a5b7d9e4f60a1b2c3d4e5f60718/" + id, container("user@1000/" + id[:12]), true},
		{machine + "docker-" + id + ".scope", container("user@1000/"+id, "user@*/"+id), false},
	} {
		c := &finding.Attribution{Creation: &lineage.Creation{}, Placement: cgroup.Parse(tc.path)}
		if got := tc.filter.Match(c); got != tc.want {
			t.Errorf("%s by %+v: %v", tc.path, tc.filter, got)
		}
	}
}

// The loading of a module is subject to the filters, and creates nothing.
func TestLoads(t *testing.T) {
	stream := func() *script {
		return &script{events: []event.Event{
			at(1, &event.Cgroup{ID: 1, Path: "/user.slice/user-0.slice/session-1.scope"}),
			at(1, &event.Process{ID: event.ProcessID{PID: 5, StartNS: 1}, Comm: "modprobe", Cgroup: 1}),
			at(2, &event.PernetInit{By: event.ProcessID{PID: 5, StartNS: 1}, Comm: "modprobe", Subsystem: "ip_vs"}),
			at(3, &event.PernetInit{By: event.ProcessID{PID: 5, StartNS: 1}, Comm: "modprobe", Subsystem: "sit", Errno: 12}),
			at(4, &event.End{}),
		}}
	}
	for _, tc := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"ip_vs", "sit"}},
		{Filter{Comms: []string{"modprobe"}, Units: []string{"session-*"}}, []string{"ip_vs", "sit"}},
		{Filter{Comms: []string{"insmod"}}, nil},
		{Filter{FailedOnly: true}, []string{"sit"}},
	} {
		var out tape
		sum, err := Run(context.Background(), stream(), Options{Consumers: only(&out), Filter: tc.filter})
		if err != nil || sum.Seen != 0 || sum.Printed != 0 {
			t.Errorf("%+v, %v", sum, err)
		}
		if diff := cmp.Diff(tc.want, out.loads); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tc.filter, diff)
		}
	}
}

// Requests that are forgotten are charged to whoever made them, all of them.
func TestForgottenRequestsHaveAnOwner(t *testing.T) {
	const private = "/run/systemd/private"
	manager := event.ProcessID{PID: 1, StartNS: 1}
	stream := &script{events: []event.Event{
		at(1, &event.Cgroup{ID: 1, Path: "/init.scope"}), at(1, &event.Process{ID: manager, Comm: "systemd", Cgroup: 1}),
	}}
	request := startUnit(t)
	made := map[event.Owner]uint64{{UID: 1000, PIDNamespace: 7}: 5000, {UID: 1001, PIDNamespace: 7}: 3000}
	for owner, n := range made {
		id := event.ProcessID{PID: owner.UID, StartNS: 2}
		stream.events = append(stream.events, at(2, &event.Process{ID: id, Parent: manager, Comm: "evil", UID: owner.UID, Owner: owner, Cgroup: 1}))
		for i := range n {
			stream.events = append(stream.events, at(3, &event.BusMessage{
				Sender: id, Bus: 1, Path: private, PeerPID: 1, Listener: manager, Conn: uint64(id.PID)<<32 | i, Copied: true,
				Size: uint32(len(request)), Data: request,
			}))
		}
	}
	out := tape{lost: map[event.Owner]uint64{}}
	sum, err := Run(t.Context(), stream, Options{Consumers: only(&out)})
	if err != nil {
		t.Fatal(err)
	}
	var all uint64
	for owner, n := range out.lost {
		if n == 0 || n > made[owner] {
			t.Errorf("%v: %d", owner, n)
		}
		all += n
	}
	if len(out.lost) != len(made) || sum.Lost[event.LossRequest] != all {
		t.Errorf("%v, in the summary %v", out.lost, sum.Lost)
	}
}

// startUnit is a request to a manager.
func startUnit(t *testing.T) []byte {
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
	binary.LittleEndian.PutUint32(out.Bytes()[8:], 7) // the serial
	return out.Bytes()
}
