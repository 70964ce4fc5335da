package report

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/explain/bounded"
)

const (
	// maxTally bounds the values that a Tally has.
	maxTally = 8
	// maxCounters bounds the values that are distinguished while counting.
	maxCounters = 32
)

// Tally counts different values.
type Tally struct {
	// Values are the most frequent values, in the order in which they came. If
	// no more than 32 different ones came, the counts are exact. Otherwise a
	// value may have come more often than it counts, by a 32nd of all at most.
	// A value that makes up a sixth of all is always among them.
	Values []Counted
	// Others counts the rest.
	Others uint64
}

// Counted is a value, which can be a command line, with how often it came.
type Counted struct {
	Value []string
	Count uint64
}

// tallying makes a Tally in bounded room, with the counters of "Space-Saving"
// (Metwally, Agrawal and El Abbadi, 2005): a new value takes the place of the one
// that counts least, and takes over its count as what it may have had before.
type tallying struct {
	counters []counter
	n        uint64
	// size is what the counters take in memory.
	size uint64
}

// counter counts a value.
type counter struct {
	Counted
	// before bounds how often the value came before it was counted.
	before uint64
}

func (t *tallying) add(value []string) {
	t.n++
	at := slices.IndexFunc(t.counters, func(c counter) bool { return equal(c.Value, value) })
	if at >= 0 {
		t.counters[at].Count++
		return
	}
	added := counter{Counted: Counted{Value: value, Count: 1}}
	t.size += counterSize + bounded.Text(value)
	if len(t.counters) == maxCounters {
		least := t.least()
		added.before = t.counters[least].most()
		t.size -= counterSize + bounded.Text(t.counters[least].Value)
		t.counters = slices.Delete(t.counters, least, least+1)
	}
	t.counters = append(t.counters, added)
}

// most is how often the value may have come.
func (c *counter) most() uint64 { return c.before + c.Count }

// least is the counter that counts least, the oldest of several.
func (t *tallying) least() int {
	at := 0
	for i := range t.counters {
		if t.counters[i].most() < t.counters[at].most() {
			at = i
		}
	}
	return at
}

// tally returns the values with the highest counts. Only what is certain counts.
func (t *tallying) tally() Tally {
	order := make([]int, len(t.counters))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.counters[b].Count, t.counters[a].Count) })
	order = order[:min(len(order), maxTally)]
	slices.Sort(order)
	out := Tally{Others: t.n}
	for _, at := range order {
		out.Values = append(out.Values, t.counters[at].Counted)
		out.Others -= t.counters[at].Count
	}
	return out
}
