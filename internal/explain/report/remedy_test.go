package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// remedyOf is the remedy of a kind for a creation.
func remedyOf(t *testing.T, kind RemedyKind, k *finding.Attribution, more ...event.Body) Remedy {
	t.Helper()
	s := newStory()
	s.at(0, more...)
	s.create(second, k)
	list := s.causes(t, 1)[0].Remedies
	i := slices.IndexFunc(list, func(r Remedy) bool { return r.Kind == kind })
	if i < 0 {
		t.Fatalf("no %s among %+v", kind, list)
	}
	return list[i]
}

func TestDropIn(t *testing.T) {
	got := remedyOf(t, DropIn, hostnamed(100, "hostnamectl"))
	if got.File == nil || *got.File != (File{
		Path:     "/etc/systemd/system/systemd-hostnamed.service.d/zz-no-private-network.conf",
		Contents: "[Service]\nPrivateNetwork=no\n",
	}) {
		t.Errorf("%+v", got.File)
	}
	if diff := cmp.Diff([][]string{{"systemctl", "daemon-reload"}}, got.Commands); diff != "" {
		t.Error(diff)
	}
	if got.Do.Code != AdviceShareNetwork || got.Cost != (Drawback{DrawbackIsolation, "systemd-hostnamed.service"}) {
		t.Errorf("%+v, %+v", got.Do, got.Cost)
	}

	// of an instance for a connection, the template is meant
	k := ofUnit(100, "/system.slice/system-chat.slice/chat@3-341-0.service")
	if got := remedyOf(t, DropIn, k); got.File.Path != "/etc/systemd/system/chat@.service.d/zz-no-private-network.conf" {
		t.Errorf("%+v", got.File)
	}
	// and of one that somebody has named, that one
	k = ofUnit(100, "/system.slice/system-vpn.slice/vpn@home.service")
	if got := remedyOf(t, DropIn, k); got.File.Path != "/etc/systemd/system/vpn@home.service.d/zz-no-private-network.conf" {
		t.Errorf("%+v", got.File)
	}
	// a drop-in is only overridden by one that sorts behind it
	k = ofUnit(100, "/system.slice/x.service")
	k.Settings[0].File = "/usr/lib/systemd/system/x.service.d/zzz.conf"
	if got := remedyOf(t, DropIn, k); got.File.Path <= "/etc/systemd/system/x.service.d/zzz.conf" || !strings.HasSuffix(got.File.Path, ".conf") {
		t.Errorf("%+v", got.File)
	}
	// what is not a service has its settings in a section of its own
	k = ofUnit(100, "/system.slice/srv-data.mount")
	if got := remedyOf(t, DropIn, k); got.File.Contents != "[Mount]\nPrivateNetwork=no\n" {
		t.Errorf("%+v", got.File)
	}
	// a transient unit has no file to change
	k = ofUnit(100, "/system.slice/run-u1.service")
	k.Settings[0] = event.UnitSetting{Name: event.SettingPrivate, Value: "yes", Source: event.SettingFromManager}
	if got := remedyOf(t, DropIn, k); got.File != nil || got.Do.Code != AdviceNoSettingFile {
		t.Errorf("%+v", got)
	}
	// a user's unit belongs to the user's manager
	k = ofUnit(100, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service")
	got = remedyOf(t, DropIn, k)
	if got.File.Path != "~/.config/systemd/user/x.service.d/zz-no-private-network.conf" || got.Do.Code != AdviceShareNetworkUser || !slices.Equal(got.Commands[0], []string{"systemctl", "--user", "daemon-reload"}) {
		t.Errorf("%+v", got)
	}
}

func TestCallInstead(t *testing.T) {
	const hostname, locale, timedate = "org.freedesktop.hostname1", "org.freedesktop.locale1", "org.freedesktop.timedate1"
	of := func(code AdviceCode, replaced ...string) Advice { return Advice{Code: code, Replaced: replaced} }
	for _, tt := range []struct {
		name string
		argv []string
		want Advice // zero for no such remedy
	}{
		{hostname, []string{"hostnamectl", "--static"}, of(AdviceReadStaticHostname, "hostnamectl", "--static")},
		{hostname, []string{"/usr/bin/hostnamectl", "hostname", "--static"}, of(AdviceReadStaticHostname, "hostnamectl", "--static")},
		{hostname, []string{"hostnamectl", "--no-pager", "--transient"}, of(AdviceReadTransientHostname, "hostnamectl", "--transient")},
		{hostname, []string{"hostnamectl", "--pretty"}, of(AdviceReadPrettyHostname, "hostnamectl", "--pretty")},
		{hostname, []string{"hostnamectl"}, of(AdviceReadHostnames, "hostnamectl")},
		{hostname, []string{"hostnamectl", "set-hostname", "x"}, Advice{}},
		{hostname, []string{"hostnamectl", "hostname", "x"}, Advice{}},
		{hostname, []string{"hostnamectl", "--static", "hostname", "x"}, Advice{}},
		{hostname, []string{"python3", "x.py"}, Advice{Code: AdviceReadHostnames, BusName: hostname}},
		{hostname, nil, Advice{Code: AdviceReadHostnames, BusName: hostname}},
		{locale, []string{"localectl"}, of(AdviceReadLocale, "localectl")},
		{locale, []string{"localectl", "list-keymaps"}, of(AdviceReadLocale, "localectl")},
		{locale, []string{"localectl", "set-locale", "C"}, Advice{}},
		{timedate, []string{"timedatectl", "show", "-p", "Timezone"}, of(AdviceReadTimeZone, "timedatectl")},
		{timedate, []string{"timedatectl", "set-ntp", "true"}, Advice{}},
		{"org.example.Other", []string{"gdbus", "call"}, Advice{}},
	} {
		got, ok := callInstead(tt.name, tt.argv)
		if diff := cmp.Diff(tt.want, got.Do); diff != "" || ok != (tt.want.Code != "") {
			t.Errorf("%s %q: %v %s", tt.name, tt.argv, ok, diff)
		}
	}
	// without a remedy of its own an activation still has the general one
	got := remedyOf(t, FewerStarts, hostnamed(100, "hostnamectl", "set-hostname", "x"))
	if got.Do.Code != AdviceCallLess || got.Do.BusName != hostname {
		t.Errorf("%+v", got)
	}
}

func TestTriggers(t *testing.T) {
	triggered := func(trigger finding.Trigger, name string, path string) *finding.Attribution {
		k := ofUnit(100, path)
		k.Origin = finding.Origin{Trigger: trigger, Unit: name, Placement: cgroup.Placement{Unit: name, Manager: event.ManagerSystem}, Evidence: evidence.Manager}
		return k
	}
	crash := triggered(finding.TriggerRestart, "crash.service", "/system.slice/crash.service")
	code := uint32(3 << 8)
	crash.Links = append(crash.Links, finding.Link{Kind: finding.KindBecause, Cause: finding.Restart{Policy: "always", Ended: &code}})
	got := remedyOf(t, FixFailure, crash)
	want := Advice{Code: AdviceFixFailure, Unit: UnitRef{Unit: "crash.service", Manager: event.ManagerSystem}, Restart: &finding.Restart{Policy: "always", Ended: &code}}
	if diff := cmp.Diff(want, got.Do); diff != "" || got.Cost.Code != DrawbackServiceDown {
		t.Error(diff, got.Cost)
	}
	if diff := cmp.Diff([][]string{{"systemctl", "status", "crash.service"}, {"journalctl", "--unit", "crash.service"}}, got.Commands); diff != "" {
		t.Error(diff)
	}
	if got := remedyOf(t, TimerInterval, triggered(finding.TriggerTimer, "x.timer", "/system.slice/x.service")); got.Do.Code != AdviceSlowTimer || got.Do.Unit.Unit != "x.timer" {
		t.Errorf("%+v", got)
	}
	got = remedyOf(t, SocketAccept, triggered(finding.TriggerSocket, "chat.socket", "/system.slice/system-chat.slice/chat@3-341-0.service"))
	if got.Do.Code != AdviceAcceptNo || got.Do.Unit.Unit != "chat.socket" || got.Do.Service != "chat@*.service" {
		t.Errorf("%+v", got)
	}
	// a socket unit without Accept=yes is not told to change that
	if got := remedyOf(t, FewerStarts, triggered(finding.TriggerSocket, "x.socket", "/system.slice/x.service")); got.Do.Code != AdviceKeepSocketService {
		t.Errorf("%+v", got)
	}
	if got := remedyOf(t, FewerStarts, triggered(finding.TriggerPath, "x.path", "/system.slice/x.service")); got.Do.Code != AdviceChangeTrigger {
		t.Errorf("%+v", got)
	}
	if got := remedyOf(t, FewerStarts, triggered(finding.TriggerBoot, "x.service", "/system.slice/x.service")); got.Do.Code != AdviceNothing {
		t.Errorf("%+v", got)
	}
}

func TestContainers(t *testing.T) {
	got := remedyOf(t, ContainerRestart, plain(100, "/system.slice/docker-"+containerID+".scope", "unshare"))
	if !slices.Contains(got.Commands[0], containerID) || got.Commands[0][0] != "docker" || got.Do.Code != AdviceInspectContainer {
		t.Errorf("%+v", got)
	}
	daemon := plain(100, "/system.slice/docker.service", "dockerd")
	if got := remedyOf(t, ContainerRestart, daemon); got.Commands[0][0] != "docker" || got.Do.Code != AdviceInspectContainersOf {
		t.Errorf("%+v", got)
	}
}

// What to do about the unknown follows from what was missing.
func TestLearnMore(t *testing.T) {
	unknown := func(why finding.Reason) *finding.Attribution {
		k := ofUnit(100, "/system.slice/x.service")
		k.Origin = finding.Origin{Trigger: finding.TriggerUnknown, Evidence: evidence.Unknown, Why: why}
		return k
	}
	for _, tt := range []struct {
		why    finding.Reason
		want   AdviceCode
		events []event.Body
	}{
		{finding.Reason{Text: "x"}, AdviceHearBuses, []event.Body{&event.Coverage{Probe: event.ProbeBus, Why: "off"}}},
		{finding.Reason{Text: "x"}, AdviceLargerBuffer, []event.Body{&event.Loss{Kind: event.LossBus, Count: 1}}},
		{finding.Reason{Text: "x"}, AdviceRunQuieter, []event.Body{&event.Loss{Kind: event.LossTable, Count: 1}}},
		{finding.Reason{Code: finding.ReasonStartedBefore, Unit: "x.service"}, AdviceAwaitStart, nil},
		{finding.Reason{Code: finding.ReasonNobodyAsked}, AdviceSeeUnit, nil},
	} {
		if got := remedyOf(t, LearnMore, unknown(tt.why), tt.events...); got.Do.Code != tt.want {
			t.Errorf("%s: %+v", tt.want, got)
		}
	}
}
