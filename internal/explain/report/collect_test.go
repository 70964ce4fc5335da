package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// story feeds a collector.
type story struct {
	*Collector
	serial uint64
}

func newStory() *story {
	s := &story{Collector: NewCollector()}
	s.at(0, &event.Host{CgroupHierarchy: "unified"})
	for _, probe := range []event.Probe{event.ProbeCreate, event.ProbeBus, event.ProbeRelease} {
		s.at(0, &event.Coverage{Probe: probe, Live: true})
	}
	return s
}

func (s *story) at(boot uint64, bodies ...event.Body) {
	for _, b := range bodies {
		s.observe(event.Event{BootNS: boot, Body: b})
	}
}

// create adds a creation with its causes and returns its serial.
func (s *story) create(boot uint64, k *finding.Attribution) uint64 {
	s.serial++
	k.BootNS, k.Netns.Serial = boot, s.serial
	s.at(boot, &k.Netns)
	s.add(&finding.Created{Attribution: k, Selected: true})
	return s.serial
}

func (s *story) active(atEnd bool, paths ...string) {
	a := &event.Active{AtEnd: atEnd}
	for _, p := range paths {
		a.Cgroups = append(a.Cgroups, event.Population{Path: p, Processes: 2})
	}
	s.at(s.report.Until, a)
}

func process(n uint32, path string, argv ...string) lineage.Process {
	return lineage.Process{ID: pid(n), TID: n, Comm: argv[0], Argv: argv, Exe: "/usr/bin/" + argv[0], Cgroup: path}
}

const cronPath = "/system.slice/cron.service"

// plain is a command that made a namespace by itself.
func plain(n uint32, path string, argv ...string) *finding.Attribution {
	c := &lineage.Creation{
		Netns:    event.NetnsCreate{DurationNS: 3e6, Init: []event.Init{{Subsystem: "ip_vs", DurationNS: 1e6}}},
		Process:  process(n, path, argv...),
		Ancestry: []lineage.Process{process(50, path, "sh", "-c", "job"), process(1, "/init.scope", "init")},
	}
	k := finding.NewAttribution(c)
	k.Origin = finding.Origin{
		Trigger: finding.TriggerCommand, Process: &c.Process, Ancestry: c.Ancestry, Evidence: evidence.Kernel,
		Unit: k.Placement.Unit, Placement: k.Placement,
	}
	return k
}

// ofUnit is a namespace that a manager made for a unit.
func ofUnit(n uint32, path string) *finding.Attribution {
	k := plain(n, path, "(service)")
	k.Process.ArgvInherited = true
	k.Settings = []event.UnitSetting{{Name: "PrivateNetwork", Value: "yes", File: "/lib/systemd/system/" + k.Placement.Unit, Line: 26, Source: event.SettingFromFile}}
	k.Links = []finding.Link{{Kind: finding.KindSetting, Evidence: evidence.File, Cause: finding.Setting{UnitSetting: k.Settings[0]}}}
	return k
}

// hostnamed is the case that nsblame was built for.
func hostnamed(n uint32, argv ...string) *finding.Attribution {
	k := ofUnit(n, "/system.slice/systemd-hostnamed.service")
	asker := process(n+1000, cronPath, argv...)
	ancestry := []lineage.Process{process(50, cronPath, "sh", "-c", "x"), process(20, cronPath, "cron", "-f"), process(1, "/init.scope", "init")}
	k.Links = append(k.Links,
		finding.Link{Kind: finding.KindBecause, Evidence: evidence.Kernel, Cause: finding.BusActivation{BusName: "org.freedesktop.hostname1", Waiting: int(n)}, Unit: "systemd-hostnamed.service"},
		finding.Link{Kind: finding.KindAskedBy, Evidence: evidence.Kernel, Process: &asker, Ancestry: ancestry})
	k.Origin = finding.Origin{
		Trigger: finding.TriggerCommand, Process: &asker, Ancestry: ancestry, Evidence: evidence.Kernel,
		Unit: "cron.service", Placement: cgroup.Parse(cronPath),
	}
	return k
}

func (s *story) causes(t *testing.T, n int) []Cause {
	t.Helper()
	r := s.Report()
	if len(r.Causes) != n {
		t.Fatalf("%d causes, want %d: %+v", len(r.Causes), n, r.Causes)
	}
	return r.Causes
}

func TestTheSeedCase(t *testing.T) {
	s := newStory()
	for i := range uint32(42) {
		at := uint64(i+1)*120*second + uint64(i%5)*3*second
		serial := s.create(at, hostnamed(100+i, "hostnamectl", "--static"))
		if i < 41 {
			s.at(at+30*second, &event.NetnsRelease{Serial: serial}, &event.NetnsFree{Serial: serial, DurationNS: 4e6})
		}
	}
	c := s.causes(t, 1)[0]
	if c.Count != 42 || !c.Recurrence.Periodic || c.Recurrence.Interval.N != 41 || c.Life.N != 41 || c.Life.Median != 30*second || c.Teardown.Median != 4e6 {
		t.Errorf("%+v", c)
	}
	if c.Alive != 1 || c.OldestAlive != 42*120*second+3*second || c.Evidence[evidence.Kernel] != 42 {
		t.Errorf("alive %d since %d, evidence %v", c.Alive, c.OldestAlive, c.Evidence)
	}
	if len(c.Spent) != 2 || c.Spent[0].What != Whole || c.Spent[0].Sum != 42*3e6 || c.Spent[1].What != "ip_vs" || c.Spent[1].Median != 1e6 {
		t.Errorf("spent %+v", c.Spent)
	}
	if c.Origin.Unit != "cron.service" || c.Activated != "org.freedesktop.hostname1" || len(c.RunBy.Values) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestWhatBelongsTogether(t *testing.T) {
	for _, tt := range []struct {
		name   string
		causes int
		make   func(i uint32) *finding.Attribution
	}{
		{"pids", 1, func(i uint32) *finding.Attribution { return plain(100+i, cronPath, "job", fmt.Sprint(100+i)) }},
		{"arguments", 3, func(i uint32) *finding.Attribution { return plain(100+i, cronPath, "job", fmt.Sprint(i)) }},
		{"sessions", 1, func(i uint32) *finding.Attribution {
			return plain(100+i, fmt.Sprintf("/user.slice/user-1000.slice/session-%d.scope", i), "unshare")
		}},
		{"users", 3, func(i uint32) *finding.Attribution {
			return plain(100+i, fmt.Sprintf("/user.slice/user-%d.slice/user@%[1]d.service/app.slice/x.service", 1000+i), "unshare")
		}},
		{"connections", 1, func(i uint32) *finding.Attribution {
			k := ofUnit(100+i, fmt.Sprintf("/system.slice/system-chat.slice/chat@%d-%d-0.service", i, 900+i))
			k.Settings[0].File = "/etc/systemd/system/chat@.service"
			peer := process(900+i, cronPath, "nc", fmt.Sprint(i))
			k.Origin = finding.Origin{Trigger: finding.TriggerSocket, Unit: "chat.socket", Placement: cgroup.Placement{Unit: "chat.socket", Manager: event.ManagerSystem}, Process: &peer, Evidence: evidence.Manager}
			k.Links = append(k.Links, finding.Link{Kind: finding.KindBecause, Cause: finding.Triggered{Trigger: finding.TriggerSocket, Unit: "chat.socket", Connection: &unit.Accepted{PID: i}}, Unit: "chat.socket"})
			return k
		}},
		{"instances that somebody has named", 3, func(i uint32) *finding.Attribution {
			return plain(100+i, fmt.Sprintf("/system.slice/system-job.slice/job@x%d.service", i), "job")
		}},
		{"restarts", 1, func(i uint32) *finding.Attribution {
			k := ofUnit(100+i, "/system.slice/crash.service")
			code := uint32(3 << 8)
			k.Links = append(k.Links, finding.Link{Kind: finding.KindBecause, Cause: finding.Restart{Policy: "always", Count: i, Ended: &code}, Unit: "crash.service"})
			k.Origin = finding.Origin{Trigger: finding.TriggerRestart, Unit: "crash.service", Placement: cgroup.Placement{Unit: "crash.service"}, Evidence: evidence.Manager}
			return k
		}},
		{"unknown, of transient units", 1, func(i uint32) *finding.Attribution {
			k := plain(100+i, fmt.Sprintf("/system.slice/run-u%d.service", i), "job")
			k.Origin = finding.Origin{Trigger: finding.TriggerUnknown, Evidence: evidence.Unknown, Why: finding.Reason{Code: finding.ReasonNobodyAsked, Unit: k.Placement.Unit}}
			return k
		}},
		{"containers", 1, func(i uint32) *finding.Attribution {
			return plain(100+i, fmt.Sprintf("/system.slice/docker-%064x.scope", i), "unshare")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory()
			for i := range uint32(3) {
				s.create(uint64(i)*second, tt.make(i))
			}
			var n uint64
			for _, c := range s.causes(t, tt.causes) {
				n += c.Count
				if c.Similar != tt.causes-1 && tt.name == "arguments" {
					t.Errorf("%d similar", c.Similar)
				}
			}
			if n != 3 {
				t.Errorf("%d counted", n)
			}
		})
	}
}

// A unit may have a setting for its namespace, and yet its program have made
// this one: then no setting ends it.
func TestSettingOfAnother(t *testing.T) {
	s := newStory()
	k := ofUnit(100, "/system.slice/x.service")
	k.Links[0].Cause = finding.OwnProgram{}
	s.create(second, k)
	c := s.causes(t, 1)[0]
	if len(c.Settings) > 0 || slices.ContainsFunc(c.Remedies, func(r Remedy) bool { return r.Kind == DropIn }) {
		t.Errorf("%+v", c)
	}
}

func TestEndingsUnseen(t *testing.T) {
	s := &story{Collector: NewCollector()}
	s.create(second, plain(100, cronPath, "job"))
	r := s.Report()
	if r.Endings.Seen || r.Endings.Why.Code != EndsNotWatched || r.Causes[0].Alive != 0 {
		t.Errorf("%+v", r)
	}
	s.at(2*second, &event.Coverage{Probe: event.ProbeRelease, Why: "refused"})
	if r := s.Report(); r.Endings.Seen || r.Endings.Why != (Reason{Text: "refused"}) {
		t.Errorf("%+v", r.Endings)
	}
}

// The end of a namespace may be in the stream before its causes are known.
func TestEndBeforeTheCase(t *testing.T) {
	s := newStory()
	k := plain(100, cronPath, "job")
	k.BootNS, k.Netns.Serial = second, 7
	s.at(second, &k.Netns)
	s.at(3*second, &event.NetnsRelease{Serial: 7}, &event.NetnsFree{Serial: 7, DurationNS: 5})
	s.add(&finding.Created{Attribution: k, Selected: true})
	if c := s.causes(t, 1)[0]; c.Alive != 0 || c.Life.N != 1 || c.Life.Median != 2*second || c.Teardown.N != 1 {
		t.Errorf("%+v", c)
	}
}

func TestSuspects(t *testing.T) {
	const kubelet, dbus, docker = "/system.slice/kubelet.service", "/system.slice/dbus.service", "/system.slice/docker.service"
	tell := func(change func(*story)) Suspects {
		s := newStory()
		s.active(false, cronPath, kubelet, dbus, docker, "/init.scope", "/system.slice/systemd-hostnamed.service", "/system.slice/gone.service")
		s.create(second, hostnamed(100, "hostnamectl"))
		if change != nil {
			change(s)
		}
		s.active(true, cronPath, kubelet, dbus, docker, "/init.scope", "/system.slice/new.service")
		s.at(9*second, &event.End{Seen: s.serial})
		return s.Report().Suspects
	}
	names := func(s Suspects) string {
		var list []string
		for _, u := range s.Units {
			list = append(list, u.Unit)
		}
		return strings.Join(list, " ")
	}
	// neither who asked, nor who made it, nor who wasn't there all the time
	got := tell(nil)
	if !got.Known || !got.Cleared || names(got) != "kubelet.service docker.service dbus.service" {
		t.Errorf("%+v", got)
	}
	for want, change := range map[Reason]func(*story){
		{Code: RecordsLost, Count: 2}:               func(s *story) { s.at(second, &event.Loss{Kind: event.LossCreation, Count: 2}) },
		{Code: ProbeNotLive, Probe: event.ProbeBus}: func(s *story) { s.at(0, &event.Coverage{Probe: event.ProbeBus}) },
		{Code: RecordingDamaged, Count: 1}:          func(s *story) { s.at(second, &event.Damage{Blocks: 1}) },
		{Code: LineageCut, Count: 1}: func(s *story) {
			k := plain(1, cronPath, "x")
			k.AncestryTruncated = true
			s.create(second, k)
		},
		{Code: CreatorsUnplaced, Count: 1}: func(s *story) {
			k := plain(1, cronPath, "x")
			k.Process.CgroupUnknown = true
			s.create(second, k)
		},
	} {
		got := tell(change)
		if got.Cleared || len(got.Doubts) != 1 || got.Doubts[0] != want {
			t.Errorf("want %+v: %+v", want, got)
		}
	}
	// what hides nobody
	for _, change := range []func(*story){
		func(s *story) { s.at(0, &event.Coverage{Probe: "__ip_vs_init", Why: "not loaded"}) },
		func(s *story) { s.at(0, &event.Coverage{Probe: event.ProbeLock, Why: "refused"}) },
		func(s *story) { s.at(0, &event.Loss{Kind: event.LossForget, Count: 1}) },
		func(s *story) { s.at(0, &event.Loss{Kind: event.LossCost, Count: 1}) },
		func(s *story) { s.at(0, &event.Loss{Kind: event.LossJoin, Count: 1}) },
	} {
		if got := tell(change); !got.Cleared {
			t.Errorf("%+v", got)
		}
	}
	// a creation that the filters leave out still counts
	got = tell(func(s *story) { s.add(&finding.Created{Attribution: plain(1, docker, "dockerd")}) })
	if names(got) != "kubelet.service dbus.service" {
		t.Errorf("%+v", got)
	}
	if got := newStory().Report().Suspects; got.Known || got.Why.Code != NoUnitsAtBegin {
		t.Errorf("%+v", got)
	}
}

// A kernel that counted more creations than the stream has clears nobody.
func TestMissingCreationsClearNobody(t *testing.T) {
	s := newStory()
	s.active(false, cronPath)
	s.active(true, cronPath)
	s.at(second, &event.End{Seen: 3})
	if got := s.Report().Suspects; got.Cleared || len(got.Doubts) != 1 || got.Doubts[0] != (Reason{Code: CreationsUnseen, Count: 3}) {
		t.Errorf("%+v", got)
	}
}

func TestTooManyCauses(t *testing.T) {
	s := newStory()
	const made = 1 << 14
	for i := range uint32(made) {
		s.create(uint64(i), plain(i+100, cronPath, fmt.Sprintf("job%d", i)))
	}
	r := s.Report()
	if len(r.Causes) < 1_000 || r.Ungrouped == 0 || uint64(len(r.Causes))+r.Ungrouped != made {
		t.Errorf("%d causes, %d ungrouped of %d", len(r.Causes), r.Ungrouped, made)
	}
}

// Nothing is counted twice or forgotten, whatever comes in which order, and the
// same stream makes the same report.
func TestCountsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type step struct {
			at, serial uint64
			kind       int
		}
		var steps []step
		for i := range rapid.IntRange(0, 40).Draw(t, "n") {
			steps = append(steps, step{rapid.Uint64Range(0, 1e12).Draw(t, "at"), rapid.Uint64Range(0, 12).Draw(t, "serial"), rapid.IntRange(0, 5).Draw(t, fmt.Sprint("kind", i))})
		}
		play := func() *Report {
			s := newStory()
			for _, st := range steps {
				switch st.kind {
				case 0, 1, 2:
					k := plain(uint32(st.serial)+100, cronPath, "job", fmt.Sprint(st.serial%3))
					if st.kind == 2 {
						k.Netns.Errno = 28
					}
					s.create(st.at, k)
				case 3:
					s.at(st.at, &event.NetnsRelease{Serial: st.serial})
				case 4:
					s.at(st.at, &event.NetnsFree{Serial: st.serial, DurationNS: 1})
				case 5:
					s.add(&finding.Created{Attribution: plain(7, cronPath, "other")})
				}
			}
			return s.Report()
		}
		r := play()
		var count, failed, alive, lived uint64
		for i := range r.Causes {
			c := &r.Causes[i]
			count += c.Count
			failed += c.Failed
			alive += c.Alive
			lived += c.Life.N
			if c.First > c.Last || c.Failed > c.Count || c.Example == nil || len(c.Remedies) == 0 {
				t.Fatalf("%+v", c)
			}
			var evidence uint64
			for _, n := range c.Evidence {
				evidence += n
			}
			if evidence != c.Count || c.Recurrence.Interval.N > c.Count {
				t.Fatalf("%+v", c)
			}
		}
		if count != r.Selected || failed != r.Failed || alive+lived > count-failed {
			t.Fatalf("%d of %d, %d of %d failed, %d alive, %d lived", count, r.Selected, failed, r.Failed, alive, lived)
		}
		if diff := cmp.Diff(r, play()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Who moved in is shown with the cause of the namespaces, also if it is only
// known what became of it when they are gone.
func TestOccupants(t *testing.T) {
	s := newStory()
	daemon := func(n uint32) *finding.Attribution { return plain(n, cronPath, "dockerd") }
	nginx := process(300, "/system.slice/docker-x.scope", "nginx", "-g", "daemon off;")
	shell := process(301, cronPath, "sh", "-c", "300")
	shell.ArgvInherited, shell.Comm = true, "runc"
	visitor := process(302, cronPath, "bridge")
	join := func(serial uint64, p lineage.Process, then finding.Then) *finding.Joined {
		j := &finding.Joined{Netns: event.NetnsJoin{Serial: serial}, Process: p, Then: then}
		if then == finding.ThenExec {
			after := p
			j.Process = shell
			j.Process.Exec = &after
		}
		return j
	}
	var serials []uint64
	for i := range uint32(3) {
		serials = append(serials, s.create(uint64(i+1)*second, daemon(100+i)))
	}
	at := 10 * second
	one, two, three := serials[0], serials[1], serials[2]
	s.at(at, &event.NetnsJoin{Serial: one}, &event.NetnsJoin{Serial: one}, &event.NetnsJoin{Serial: two}, &event.NetnsJoin{Serial: three})
	s.joined(join(one, nginx, finding.ThenExec))
	s.joined(join(two, nginx, finding.ThenExec))
	s.joined(join(three, shell, finding.ThenNothing))
	s.at(at, &event.NetnsRelease{Serial: one, Joins: 9}, &event.NetnsFree{Serial: one, DurationNS: 1}, &event.NetnsJoinCount{Serial: two, Joins: 4})
	s.joined(join(one, visitor, finding.ThenLeft))
	s.joined(join(77, visitor, finding.ThenLeft))
	c := s.causes(t, 1)[0]
	want := Tally{Values: []Counted{{[]string{"nginx", "-g", "daemon off;"}, 2}, {[]string{"runc"}, 1}}}
	if diff := cmp.Diff(want, c.Occupants); diff != "" {
		t.Errorf("occupants (-want +got):\n%s", diff)
	}
	if c.Visits != 1 || c.Unreported != 7+3 || c.Teardown.N != 1 {
		t.Errorf("%d visits, %d unreported, %d teardowns", c.Visits, c.Unreported, c.Teardown.N)
	}
}

// A recording whose beginning is damaged begins with what can be read of it.
func TestFromAfterDamage(t *testing.T) {
	c := NewCollector()
	c.observe(event.Event{Body: &event.Damage{Bytes: 9}})
	c.observe(event.Event{BootNS: 500, Body: &event.Host{}})
	c.observe(event.Event{BootNS: 900, Body: &event.Damage{Bytes: 9}})
	if r := c.Report(); r.From != 500 || r.Until != 900 {
		t.Errorf("from %d until %d", r.From, r.Until)
	}
}
