package recording

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// An answer of a manager, however much it holds of what may be held of a unit, is
// recorded whole: a replay has the same answers as the live stream had.
func TestAnAnswerAlwaysHasRoomInARecording(t *testing.T) {
	const most = 64 << 10 // of a unit, package systemd
	texts := func(each, count int) (list []string) {
		for range count {
			list = append(list, strings.Repeat("x", each))
		}
		return list
	}
	dependents := func() (list []event.UnitDependent) {
		for range most / 33 {
			list = append(list, event.UnitDependent{Name: "d", Dependency: "RequisiteOf"})
		}
		return list
	}
	for name, u := range map[string]event.UnitState{
		"long texts":      {Name: "a.service", Names: texts(4<<10, 16), Cut: true},
		"empty texts":     {Name: "a.service", JoinsNamespaceOf: texts(0, most/32), Cut: true},
		"many dependents": {Name: "a.service", Dependents: dependents(), Cut: true},
		"problems":        {Name: "a.service", Problems: texts(4<<10, 16)},
		"settings": {Name: "a.service", Settings: []event.UnitSetting{
			{Name: event.SettingJoins, Value: strings.Repeat("v", 4<<10), File: "/" + strings.Repeat("f", 4<<10), Line: 1, Source: event.SettingFromFile},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var list []event.Event
			for i := range uint64(100) {
				list = append(list, event.Event{BootNS: i + 1, Body: &event.Unit{
					Question: event.Question{Unit: "a.service", Manager: event.ManagerUser, UID: 1000}, Unit: u, MonotonicLagNS: i,
				}})
			}
			got, err := read(write(t, Options{}, list, func(int) bool { return false }))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(list, got); diff != "" {
				t.Errorf("recorded (-want +got):\n%.2000s", diff)
			}
		})
	}
}
