package busynode

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// The recording of a plan can be read, is in the order of time, and has the creations that
// were planned.
func TestWrite(t *testing.T) {
	plan := Quick()
	plan.Commands, plan.Open = 30, 4
	var file bytes.Buffer
	if err := Write(&file, plan); err != nil {
		t.Fatal(err)
	}
	r, err := recording.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var created, released, freed int
	var last uint64
	for {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.BootNS < last {
			t.Fatalf("%T at %d after %d", ev.Body, ev.BootNS, last)
		}
		last = ev.BootNS
		switch b := ev.Body.(type) {
		case *event.NetnsCreate:
			created++
		case *event.NetnsRelease:
			released++
		case *event.NetnsFree:
			freed++
		case *event.Damage:
			t.Errorf("damage: %+v", b)
		case *event.End:
			if b.Seen != uint64(plan.creations()) {
				t.Errorf("%d seen of %d", b.Seen, plan.creations())
			}
		}
	}
	if want := plan.creations(); created != want || released != want-plan.Open || freed != released {
		t.Errorf("%d created, %d released, %d freed; planned %d, %d stay", created, released, freed, want, plan.Open)
	}
}

// The usual node has as many creations as the one that was measured.
func TestBusy(t *testing.T) {
	if p := Busy(); p.creations() != 97_719 {
		t.Errorf("%d creations", p.creations())
	}
}

// A plan makes the same events each time.
func TestEach(t *testing.T) {
	plan := Quick()
	plan.Commands = 30
	var events [2][]event.Event
	for i := range events {
		if err := Each(plan, func(ev event.Event) error { events[i] = append(events[i], ev); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(events[0], events[1]) {
		t.Error("the same plan makes other events")
	}
}
