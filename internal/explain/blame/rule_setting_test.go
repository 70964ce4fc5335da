package blame

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

func TestWhichSettingMadeIt(t *testing.T) {
	private := event.UnitSetting{Name: "PrivateNetwork", Value: "yes", Source: event.SettingFromFile}
	for _, tt := range []struct {
		name     string
		unit     *event.UnitState // nil if the manager does not know it
		own      bool             // made by the unit's own program
		cause    finding.Cause
		evidence evidence.Evidence
	}{
		{"a setting", &event.UnitState{PrivateNetwork: true, Settings: []event.UnitSetting{private}}, false, finding.Setting{UnitSetting: private}, evidence.File},
		{"none any more", &event.UnitState{}, false, finding.SettingMissing{}, evidence.Unknown},
		{"not known", nil, false, finding.SettingUnknown{Why: finding.Reason{Text: "unit is not loaded"}}, evidence.Unknown},
		{"the program", &event.UnitState{PrivateNetwork: true, Settings: []event.UnitSetting{private}}, true, finding.OwnProgram{}, evidence.Manager},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			if tt.unit != nil {
				s.units["foo.service"] = *tt.unit
			}
			if tt.own {
				s.process(42, 1, "/system.slice/foo.service", "/usr/bin/unshare", "unshare")
				s.create(42, "/system.slice/foo.service")
			} else {
				s.service(42, "foo.service")
			}
			want := finding.Link{Kind: finding.KindSetting, Evidence: tt.evidence, Cause: tt.cause}
			if diff := cmp.Diff(want, s.done[0].Links[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// From systemd 254 on, the child that makes the namespace has called exec already.
func TestTheExecutorMadeIt(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
	s.caller(41, "systemctl", "start", "foo")
	s.startJob(41, private, "StartUnit", "foo.service")
	s.process(42, 1, "/system.slice/foo.service", "/usr/lib/systemd/systemd-executor", "(foo)")
	s.create(42, "/system.slice/foo.service")
	s.want("command 41 cron.service (kernel)")
}

// What the manager's answer lacks is passed on where it matters: that it was cut,
// and which files could not be read where a setting was found in none.
func TestWhatAnAnswerLacks(t *testing.T) {
	problems := []string{"read /proc/kmsg: not on a file system for files"}
	file := event.UnitSetting{Name: event.SettingPrivate, Value: "yes", File: "/x", Line: 1, Source: event.SettingFromFile}
	said := event.UnitSetting{Name: event.SettingPrivate, Value: "yes", Source: event.SettingFromManager}
	for name, tt := range map[string]struct {
		state event.UnitState
		want  finding.UnitGaps
	}{
		"nothing":            {event.UnitState{PrivateNetwork: true, Settings: []event.UnitSetting{file}}, finding.UnitGaps{}},
		"what was cut":       {event.UnitState{PrivateNetwork: true, Settings: []event.UnitSetting{file}, Cut: true}, finding.UnitGaps{Cut: true}},
		"another file":       {event.UnitState{PrivateNetwork: true, Settings: []event.UnitSetting{file}, Problems: problems}, finding.UnitGaps{}},
		"the setting's file": {event.UnitState{PrivateNetwork: true, Settings: []event.UnitSetting{said}, Problems: problems}, finding.UnitGaps{Problems: problems}},
		"a transient file":   {event.UnitState{PrivateNetwork: true, Settings: []event.UnitSetting{said}, Problems: problems, Transient: true}, finding.UnitGaps{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			s.units["foo.service"] = tt.state
			s.service(42, "foo.service")
			if diff := cmp.Diff(tt.want, s.done[0].Unanswered); diff != "" {
				t.Error(diff)
			}
		})
	}
}
