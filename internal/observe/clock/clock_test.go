package clock

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A thread that loses its processor in the middle of a look must not make the
// clocks look further apart than they are.
func TestApartWhereTheProcessorIsLost(t *testing.T) {
	const (
		apartBy = int64(time.Hour)
		lost    = int64(70 * time.Millisecond)
		step    = int64(time.Microsecond)
	)
	for losses := range 2 * 3 {
		var ticks int64
		reading := 0
		read := func(id int32) int64 {
			reading++
			ticks += step
			if reading == losses { // in the first look or the second
				ticks += lost
			}
			if id == unix.CLOCK_BOOTTIME {
				return ticks + apartBy
			}
			return ticks
		}
		got := apart(read, unix.CLOCK_BOOTTIME, unix.CLOCK_MONOTONIC)
		if d := got - apartBy; d < -step || d > step {
			t.Errorf("lost before reading %d: %s off", losses, time.Duration(d))
		}
	}
}

// Where each look takes long, the shortest is still the best there is.
func TestApartOnASlowMachine(t *testing.T) {
	var ticks int64
	reading := 0
	read := func(id int32) int64 {
		reading++
		ticks += int64(time.Millisecond)
		if id == unix.CLOCK_REALTIME {
			return ticks - int64(time.Hour)
		}
		return ticks
	}
	got := apart(read, unix.CLOCK_REALTIME, unix.CLOCK_BOOTTIME)
	if got != -int64(time.Hour) {
		t.Errorf("%s", time.Duration(got))
	}
	if reading != 3*maxLooks {
		t.Errorf("%d readings", reading)
	}
}

func TestTheseClocks(t *testing.T) {
	before := Boot()
	wall := time.Now().UnixNano()
	derived := int64(Boot()) + WallOffset()
	if after := Boot(); after < before || derived < wall-closeEnough {
		t.Errorf("time since boot %d, then %d; wall clock %d, then %d", before, after, wall, derived)
	}
}

func TestSuspended(t *testing.T) {
	for lag, want := range map[int64]uint64{-100: 0, 0: 0, 2500: 0, int64(time.Second) + 7: uint64(time.Second) + 7} {
		if got := suspended(lag); got != want {
			t.Errorf("%d ns: %d", lag, got)
		}
	}
}
