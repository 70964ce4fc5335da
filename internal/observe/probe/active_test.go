package probe

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// What can't be found out is said: an unknown cgroup is counted, and a list that
// is cut short says so.
func TestActiveSaysWhatIsMissing(t *testing.T) {
	coll := &collection{}
	got := coll.active(map[uint64]uint32{}, errors.New("no such call"))
	want := []*event.Active{{Why: "the table of processes could not be read to its end: no such call"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
