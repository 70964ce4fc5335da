package event

// Event is one observation with the moment it was made.
type Event struct {
	// BootNS is the time since boot in nanoseconds, suspend included
	// (CLOCK_BOOTTIME). Host and Clock have its offset to the time of day.
	BootNS uint64
	// Body is what was observed.
	Body Body
}

// Body is one of the observation types of this package, by pointer.
type Body interface{ body() }
