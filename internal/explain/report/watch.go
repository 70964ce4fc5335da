package report

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const (
	// Minutes is how many minutes a watched cause is counted by.
	Minutes = 60
	// MaxLatest is how many of the latest namespaces of a watched cause are kept.
	MaxLatest = 10

	minuteNS = 60e9
	// watchedSize is what following a cause takes, birthSize one of its namespaces.
	watchedSize = 512
	birthSize   = 160
)

// Recent is what a cause did lately, where a collector watches.
type Recent struct {
	// PerMinute counts the creations of each minute of the last hour. The last is the
	// minute in which the report ends.
	PerMinute [Minutes]uint32
	// Latest are the latest namespaces, the youngest first.
	Latest []Birth
}

// Birth is a namespace that was made lately.
type Birth struct {
	// BootNS is when, Inum which, Errno why not.
	BootNS uint64
	Inum   uint32
	Errno  uint32
	// PID and Comm are of who called.
	PID  uint32
	Comm string
	// For is for whom, as in Cause.For: nil for nobody.
	For []string
	// LivedNS is how long it lived, once it Ended.
	LivedNS uint64
	Ended   bool

	serial uint64
}

// Watch has what causes did lately kept, for snapshots.
func (c *Collector) Watch() { c.watches = true }

func (g *group) watch(k *finding.Attribution) {
	if g.watched == nil {
		g.watched = &watched{}
	}
	g.watched.add(k)
}

// watched follows what a cause does lately. The zero watched has seen nothing.
type watched struct {
	// minutes is a ring, newest the minute since boot that it has come to.
	minutes [Minutes]uint32
	newest  uint64
	latest  []Birth // the oldest first
	texts   uint64
}

func (w *watched) add(k *finding.Attribution) {
	w.count(k.BootNS/minuteNS, 1)
	b := Birth{
		BootNS: k.BootNS, Inum: k.Netns.Inum, Errno: k.Netns.Errno, PID: k.Process.ID.PID, Comm: k.Process.Comm,
		For: beneficiary(k.For), serial: k.Netns.Serial,
	}
	w.keep(b)
}

// count adds creations to a minute, unless it is too long ago.
func (w *watched) count(minute uint64, n uint32) {
	if minute > w.newest {
		for m := max(w.newest+1, minute-min(minute, Minutes-1)); m <= minute; m++ {
			w.minutes[m%Minutes] = 0
		}
		w.newest = minute
	}
	if w.newest-minute < Minutes {
		w.minutes[minute%Minutes] += n
	}
}

// keep adds a namespace to the latest, in the order of time.
func (w *watched) keep(b Birth) {
	at, _ := slices.BinarySearchFunc(w.latest, b, func(a, b Birth) int { return cmp.Or(cmp.Compare(a.BootNS, b.BootNS), -1) })
	w.latest = slices.Insert(w.latest, at, b)
	w.texts += b.size()
	if len(w.latest) > MaxLatest {
		w.texts -= w.latest[0].size()
		w.latest = slices.Delete(w.latest, 0, 1)
	}
}

func (b *Birth) size() uint64 { return birthSize + uint64(len(b.Comm)) + bounded.Text(b.For) }

// ended notes that a namespace came to its end.
func (w *watched) ended(serial, lived uint64) {
	for i := range w.latest {
		if b := &w.latest[i]; b.serial == serial && b.Errno == 0 {
			b.Ended, b.LivedNS = true, lived
		}
	}
}

// known notes for whom a namespace was made.
func (w *watched) known(serial uint64, to []string) {
	for i := range w.latest {
		if b := &w.latest[i]; b.serial == serial && b.Errno == 0 {
			w.texts -= b.size()
			b.For = to
			w.texts += b.size()
		}
	}
}

func (w *watched) merge(other *watched) {
	for m := other.newest - min(other.newest, Minutes-1); m <= other.newest; m++ {
		if n := other.minutes[m%Minutes]; n > 0 {
			w.count(m, n)
		}
	}
	for _, b := range other.latest {
		w.keep(b)
	}
}

func (w *watched) size() uint64 { return watchedSize + w.texts }

// recent is what was seen until a time.
func (w *watched) recent(until uint64) *Recent {
	r := &Recent{Latest: slices.Clone(w.latest)}
	slices.Reverse(r.Latest)
	last := max(until/minuteNS, w.newest)
	for i := range r.PerMinute {
		back := uint64(Minutes - 1 - i)
		if m := last - min(last, back); back <= last && m <= w.newest && w.newest-m < Minutes {
			r.PerMinute[i] = w.minutes[m%Minutes]
		}
	}
	return r
}
