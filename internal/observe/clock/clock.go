// Package clock reads the kernel's clocks and their offsets.
package clock

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// Boot is the time since boot in nanoseconds, suspend included: the clock of all
// observations (CLOCK_BOOTTIME; bpf_ktime_get_boot_ns in BPF programs).
func Boot() uint64 { return uint64(now(unix.CLOCK_BOOTTIME)) }

// WallOffset is CLOCK_REALTIME minus CLOCK_BOOTTIME in nanoseconds.
func WallOffset() int64 { return apart(now, unix.CLOCK_REALTIME, unix.CLOCK_BOOTTIME) }

// MonotonicLag is CLOCK_BOOTTIME minus CLOCK_MONOTONIC in nanoseconds. That is
// how long the machine was suspended, 0 if it never was.
func MonotonicLag() uint64 { return suspended(apart(now, unix.CLOCK_BOOTTIME, unix.CLOCK_MONOTONIC)) }

// suspended returns zero for what is shorter than any suspend.
func suspended(lag int64) uint64 {
	if lag < int64(time.Millisecond) {
		return 0
	}
	return uint64(lag)
}

func now(id int32) int64 {
	var ts unix.Timespec
	// cannot fail: all of these exist since 2.6.39
	_ = unix.ClockGettime(id, &ts)
	return ts.Nano()
}

// A look at two clocks that takes closeEnough at most, in nanoseconds, is good
// enough, since nothing that the offsets serve is below a millisecond. If none is that
// short, maxLooks are made.
const (
	closeEnough = 50_000
	maxLooks    = 20
)

// apart is one clock minus another. A thread may lose its CPU between two
// readings, on a busy machine for a tenth of a second. So the second clock is
// read before and after the first, and the shortest of several looks counts.
func apart(read func(id int32) int64, a, b int32) int64 {
	shortest, difference := int64(math.MaxInt64), int64(0)
	for range maxLooks {
		before := read(b)
		at := read(a)
		took := read(b) - before
		if took < shortest {
			shortest, difference = took, at-before-took/2
		}
		if shortest <= closeEnough {
			break
		}
	}
	return difference
}
