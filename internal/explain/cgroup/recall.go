package cgroup

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/nsblame/nsblame/internal/event"
)

const (
	// maxRecalled is how many paths are known with what they say, maxRecalledLen how
	// long one may be.
	maxRecalled    = 64
	maxRecalledLen = 256
	// recalledSize is what one takes in memory beside its path.
	recalledSize = 640
)

// Budget bounds in bytes what is kept of paths.
const Budget = maxRecalled * (recalledSize + maxRecalledLen)

// reading is a path with what it says.
type reading struct {
	path      string
	delegated event.Delegation
	says      Placement
}

// readings are the latest: the same few paths are read again and again. What a path says
// depends on nothing else, so whoever reads may share it.
var (
	readings     [maxRecalled]atomic.Pointer[reading]
	readingsSeed = maphash.MakeSeed()
)

// recalled is parse of a path that may have been read just before.
func recalled(path string, d event.Delegation) Placement {
	if len(path) > maxRecalledLen {
		return parse(path, d)
	}
	place := &readings[maphash.String(readingsSeed, path)%maxRecalled]
	if r := place.Load(); r != nil && r.path == path && r.delegated == d {
		return r.says
	}
	path = strings.Clone(path) // which may be part of something long
	says := parse(path, d)
	place.Store(&reading{path, d, says})
	return says
}
