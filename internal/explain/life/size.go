package life

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// The budgets of a Tracker and of an Index, in bytes.
const (
	aliveBudget    = 5 << 20
	releasedBudget = 2 << 20
	releaseBudget  = 512 << 10
	pendingBudget  = 2 << 20
	indexBudget    = 16 << 20
)

// Budgets returns the bounds of a Tracker.
func Budgets() []bounded.Budget {
	return []bounded.Budget{
		{Name: "life: namespaces that exist", Bytes: aliveBudget},
		{Name: "life: namespaces that were released", Bytes: releasedBudget},
		{Name: "life: releases of others", Bytes: releaseBudget},
		{Name: "life: joins that wait", Bytes: pendingBudget},
	}
}

// The sizes of what has no strings, in bytes.
const (
	lifeSize        = 128
	endSize         = 64
	releaseSize     = 192
	joinSize        = 640
	attributionSize = 640
)

func sizeOfRelease(r *finding.Release) uint64 {
	size := releaseSize + uint64(len(r.Netns.Comm)) + lineage.SizeOf(r.Ancestry)
	if r.By != nil {
		size += r.By.Size()
	}
	return size
}

func sizeOfJoin(j *finding.Joined) uint64 {
	return joinSize + j.Process.Size() + lineage.SizeOf(j.Ancestry)
}

// size is what a life takes by now.
func (l *life) size() uint64 {
	size := uint64(lifeSize)
	if l.created != nil {
		size += attributionSize + l.created.Size()
	}
	if l.release != nil {
		size += sizeOfRelease(l.release)
	}
	for _, j := range l.waitingJoins {
		size += sizeOfJoin(j)
	}
	return size + uint64(len(l.waitingEnds))*endSize
}

// shareOf is whose share a namespace is charged to: that of who made it.
func shareOf(n *event.NetnsCreate) event.Owner { return bounded.ShareOfUser(n.UID) }
