package probe

import "github.com/nsblame/nsblame/internal/event"

// merger puts the records of several rings into one order, by time.
//
// Each ring keeps its own order. A record's place is its time, or that of a record
// before it in its ring if that is later. The BPF programs take the time of a record
// after they have sent what it refers to, and before they reserve its room (ring.h). So
// a record's place is never before that of what it refers to, in whichever ring.
//
// An event is released when all rings were read past it. A ring was read past a record
// if a later one was read from it, or if it was found empty by a look that came after
// that record was read: what comes now was not there when the record was sent.
type merger struct {
	// rings are in the order in which records of the same time go.
	rings []*lane
	// looks counts the looks into rings.
	looks uint64
	// decode turns a record into events, and returns its time. It is called in the
	// order of the ring.
	decode func(raw []byte) (at uint64, events []event.Event)
}

// lane is what was read of a ring and waits for the others.
type lane struct {
	ring    recordRing
	waiting []waiting
	// at is the place of the latest record. look is the latest look, and emptied the
	// latest one that found no more.
	at, look, emptied uint64
}

// waiting is an event that was read in a look.
type waiting struct {
	at, look uint64
	event    event.Event
}

func newMerger(decode func([]byte) (uint64, []event.Event), rings ...recordRing) *merger {
	m := &merger{decode: decode}
	for _, ring := range rings {
		m.rings = append(m.rings, &lane{ring: ring})
	}
	return m
}

// read looks once into each ring, and takes events until so many of it wait.
func (m *merger) read(limit int) error {
	for i := range m.rings {
		if err := m.readRing(i, limit); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) readRing(i, limit int) error {
	l := m.rings[i]
	m.looks++
	l.look = m.looks
	for len(l.waiting) < limit {
		raw, more, err := l.ring.next()
		if err != nil {
			return err
		}
		if !more {
			l.emptied = m.looks
			return nil
		}
		at, events := m.decode(raw)
		l.at = max(l.at, at)
		for _, ev := range events {
			l.waiting = append(l.waiting, waiting{l.at, m.looks, ev})
		}
	}
	return nil
}

// release appends the events to a list whose turn it is.
func (m *merger) release(list []event.Event) []event.Event {
	for l := m.first(); l != nil; l = m.first() {
		list = append(list, l.waiting[0].event)
		l.waiting[0].event = event.Event{}
		l.waiting = l.waiting[1:]
	}
	return list
}

// first returns the ring that has the next event, nil if that is not known.
func (m *merger) first() *lane {
	first := -1
	for i, l := range m.rings {
		if len(l.waiting) > 0 && (first < 0 || l.waiting[0].at < m.rings[first].waiting[0].at) {
			first = i
		}
	}
	if first < 0 {
		return nil
	}
	w := m.rings[first].waiting[0]
	for i, l := range m.rings {
		past := len(l.waiting) > 0 || l.emptied > w.look || l.at > w.at
		if !past && !(i > first && l.at == w.at) {
			return nil
		}
	}
	return m.rings[first]
}

// drained reports whether nothing waits, and the latest look into each ring has found
// no more.
func (m *merger) drained() bool {
	for _, l := range m.rings {
		if len(l.waiting) > 0 || l.emptied < l.look {
			return false
		}
	}
	return true
}
