package render

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

func TestCauseText(t *testing.T) {
	code, signal := uint32(3<<8), uint32(9)
	file := event.UnitSetting{Name: "PrivateNetwork", Value: "yes", File: "/etc/x.service", Line: 26}
	manager := event.UnitSetting{Name: "PrivateNetwork", Value: "yes"}
	for _, tt := range []struct {
		cause finding.Cause
		want  string
	}{
		{finding.Setting{UnitSetting: file}, "PrivateNetwork=yes at /etc/x.service:26"},
		{finding.Setting{UnitSetting: manager}, "PrivateNetwork=yes"},
		{finding.SettingUnknown{Why: finding.Reason{Text: "unit is not loaded"}}, "made by the manager for one of the unit's settings; which is not known: unit is not loaded"},
		{finding.SettingUnknown{Why: finding.Reason{Code: finding.ReasonNoAnswer}}, "made by the manager for one of the unit's settings; which is not known: the stream ended before it was answered"},
		{finding.SettingMissing{}, "made by the manager, but none of the unit's settings that are in force now does that"},
		{finding.OwnProgram{}, "none: the unit's own program made it"},
		{finding.BusActivation{BusName: "org.x", Unit: "x.service"}, "D-Bus activation of org.x"},
		{finding.BusActivation{Unit: "x.service", Waiting: 2}, "D-Bus activation of x.service, for which 2 more waited"},
		{finding.Job{Method: "StartUnit", Unit: "x.service"}, "StartUnit of x.service"},
		{finding.Job{Method: "Reload"}, "Reload"},
		{finding.Restart{Policy: "always", Count: 3, Ended: &code}, "automatic restart by Restart=always, 3 so far; the run before ended with exit code 3"},
		{finding.Restart{Count: 1, Ended: &signal}, "automatic restart, 1 so far; the run before was ended by signal 9"},
		{finding.Dependency{Of: "x.target", Property: "WantedBy"}, "dependency of x.target (WantedBy)"},
		{finding.Triggered{Trigger: finding.TriggerTimer, Unit: "x.timer"}, "timer x.timer"},
		{finding.Triggered{Trigger: finding.TriggerSocket, Unit: "x.socket", Connection: &unit.Accepted{PID: 7, UID: 8}}, "socket x.socket, a connection from pid 7, uid 8"},
		{finding.Triggered{Trigger: finding.TriggerSocket, Unit: "x.socket", Connection: &unit.Accepted{Remote: "::1:2"}}, "socket x.socket, a connection from ::1:2"},
		{finding.Triggered{Trigger: finding.TriggerSocket, Unit: "x.socket", Connection: &unit.Accepted{}}, "socket x.socket"},
		{finding.Boot{Manager: event.ManagerSystem}, "started with the machine"},
		{finding.Boot{Manager: event.ManagerUser}, "started with the user's manager"},
	} {
		if got := causeText(tt.cause); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.cause.Code(), got, tt.want)
		}
	}
}

// A field that reads like a placeholder stands for itself.
func TestReasonText(t *testing.T) {
	for _, tt := range []struct {
		reason finding.Reason
		want   string
	}{
		{finding.Reason{Code: finding.ReasonNobodyAsked, Unit: "x.service"}, "nobody was seen asking for x.service to be started"},
		{finding.Reason{Code: finding.ReasonNobodyAskedUnitUnknown, Unit: "{text}", Text: "{unit}"}, "nobody was seen asking for {text} to be started, and: {unit}"},
		{finding.Reason{Code: finding.ReasonNoBusProbe, Unit: "x"}, "who asked for x to be started is not known: the bus probe was not attached"},
		{finding.Reason{Code: finding.ReasonNoCall, BusName: "org.x"}, "no call to org.x was seen before the bus asked for its activation"},
		{finding.Reason{Text: "in other words"}, "in other words"},
		{finding.Reason{}, ""},
	} {
		if got := reasonText(tt.reason); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.reason, got, tt.want)
		}
	}
}
