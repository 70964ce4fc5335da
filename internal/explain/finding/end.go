package finding

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Release is the moment when the last reference to a namespace was dropped.
type Release struct {
	// BootNS is when it was, nanoseconds since boot.
	BootNS uint64
	// Netns is the observation itself.
	Netns event.NetnsRelease
	// By is the process whose thread did it, as it was then, nil if the kernel did
	// it on no process's behalf. Ancestry are its ancestors, nearest first;
	// AncestryWhy says why they don't reach the root, if they don't.
	By          *lineage.Process
	Ancestry    []lineage.Process
	AncestryWhy lineage.Cut
}

// Ended is a step in the end of a namespace: its release, or with Free set the
// end of its teardown.
type Ended struct {
	// BootNS is when it was, nanoseconds since boot.
	BootNS uint64
	// Created is the creation without its chain, and with the nearest ancestor
	// only. It is nil if the creation was lost, or the namespace is older than
	// nsblame.
	Created *Attribution
	// Release is nil if it was not seen.
	Release *Release
	// Free is nil for the release itself.
	Free *event.NetnsFree
	// Final is set for a release after which the end of the teardown will not
	// be seen, because no probe does.
	Final bool
}

// Serial is the number of the namespace's creation in the stream.
func (e *Ended) Serial() uint64 {
	if e.Free != nil {
		return e.Free.Serial
	}
	return e.Release.Netns.Serial
}

// Inum is the namespace's inode number.
func (e *Ended) Inum() uint32 {
	if e.Free != nil {
		return e.Free.Inum
	}
	return e.Release.Netns.Inum
}

// Cookie is the namespace's cookie, 0 where it has none.
func (e *Ended) Cookie() uint64 {
	if e.Free != nil {
		return e.Free.Cookie
	}
	return e.Release.Netns.Cookie
}

// Lifetime is the time from the beginning of the creation to the release, in
// nanoseconds. It is not known where either was not seen.
func (e *Ended) Lifetime() (ns uint64, known bool) {
	var created, released uint64
	if e.Free != nil {
		created, released = e.Free.CreatedNS, e.Free.ReleasedNS
	}
	if e.Release != nil {
		created, released = e.Release.Netns.CreatedNS, e.Release.BootNS
	}
	if e.Created != nil {
		created = e.Created.BootNS
	}
	if created == 0 || released < created {
		return 0, false
	}
	return released - created, true
}

// Counts are the creations that were shown and have not ended.
type Counts struct {
	// Known is set where releases are seen; the others are 0 if they are not.
	Known bool
	// Alive are those that have not been released.
	Alive uint64
	// Releasing are those whose teardown is not finished, where that is seen.
	Releasing uint64
	// Forgotten counts the creations and releases that were not followed
	// because there were too many at once.
	Forgotten uint64
	// Unreported counts the joins that were only counted.
	Unreported uint64
	// DroppedJoins counts the joins that are missing because there were too many
	// at once.
	DroppedJoins uint64
}
