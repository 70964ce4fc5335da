package request

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// The jobs of the system's manager are not forgotten for those of users' managers.
func TestJobsOfManyManagers(t *testing.T) {
	s := New(lineage.NewTree()).jobs
	system, by := Owner{Manager: event.ManagerSystem}, event.ProcessID{PID: 1}
	s.find(system, "foo.service", by, 7).announced = 1
	for uid := range uint32(3 * maxManagers) {
		s.find(Owner{Manager: event.ManagerUser, UID: 1000 + uid}, "foo.service", event.ProcessID{PID: 100 + uid}, 7)
	}
	if got := s.there(system, "foo.service", 2); len(got) != 1 {
		t.Errorf("%d jobs of the system's manager are left", len(got))
	}
	if got := s.there(Owner{Manager: event.ManagerUser, UID: 999}, "foo.service", 2); len(got) != 0 {
		t.Errorf("a manager that was never heard has %d jobs", len(got))
	}
	if _, known := s.jobs.Get(Owner{Manager: event.ManagerUser, UID: 999}); known {
		t.Error("to ask for the jobs of a manager takes the place of another's")
	}
	if got := s.jobs.Keys(); len(got) != maxManagers-1 {
		t.Errorf("the jobs of %d users' managers are remembered", len(got))
	}
}

// A unit has one job at a time. So one whose end was not heard is over when a newer one was
// there, of which only the end was heard.
func TestAJobThatGaveWayUnheard(t *testing.T) {
	for _, tt := range []struct {
		name string
		over uint64
		want int
	}{
		{"the newer one was there", 7, 0},
		{"the newer one was over before", 4, 1},
	} {
		s := New(lineage.NewTree()).jobs
		system, by := Owner{Manager: event.ManagerSystem}, event.ProcessID{PID: 1}
		s.find(system, "crash.service", by, 130).announced = 2
		s.find(system, "crash.service", by, 131).over = tt.over
		if got := s.there(system, "crash.service", 5); len(got) != tt.want {
			t.Errorf("%s: %d jobs are there, want %d", tt.name, len(got), tt.want)
		}
	}
}
