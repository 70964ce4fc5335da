package metrics

import (
	"slices"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// A counter cannot be corrected. So a creation that was shown before it was known for whom
// it was waits a while to be counted, and has its workload if that becomes known.
const (
	heldNS     = uint64(60e9)
	heldBudget = 512 << 10
)

// held is a creation that waits.
type held struct {
	creation *finding.Attribution
	whom     *finding.For
	until    uint64
}

func (h *held) size() uint64 { return h.creation.Size() + 64 }

// isUnknown reports whether somebody had it made, and it is not known who.
func isUnknown(f *finding.For) bool { return f != nil && f.Pod == nil && f.Container == nil }

// Deadline is when a creation that waits is counted, nanoseconds since boot; 0 for none.
func (m *Metrics) Deadline() uint64 {
	if len(m.held) == 0 {
		return 0
	}
	return m.held[0].until
}

// hold has a creation wait. Those that find no room are counted.
func (m *Metrics) hold(k *finding.Attribution) {
	h := &held{creation: k, whom: k.For, until: m.now + heldNS}
	m.held = append(m.held, h)
	m.heldBytes += h.size()
	m.countHeld(func(*held) bool { return m.heldBytes > heldBudget })
}

// countHeld counts the oldest of those that wait while due says so.
func (m *Metrics) countHeld(due func(*held) bool) {
	for len(m.held) > 0 && due(m.held[0]) {
		m.release(0)
	}
}

// release counts one that waits.
func (m *Metrics) release(i int) {
	h := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	m.heldBytes -= h.size()
	m.created(h.creation, h.whom)
}

func (m *Metrics) heldAt(serial uint64) int {
	return slices.IndexFunc(m.held, func(h *held) bool { return h.creation.Netns.Serial == serial })
}

// becameKnown counts a creation with what is known now.
func (m *Metrics) becameKnown(f *finding.NetnsFor) {
	i := m.heldAt(f.Created.Netns.Serial)
	if i < 0 || isUnknown(f.For) {
		return
	}
	m.held[i].whom = f.For
	m.release(i)
}

// endHeld counts one whose namespace ends, because the end needs it.
func (m *Metrics) endHeld(serial uint64) {
	if i := m.heldAt(serial); i >= 0 {
		m.release(i)
	}
}
