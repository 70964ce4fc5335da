// Package finding is the vocabulary of what nsblame concludes from the stream
// of events: each creation with its causes, who joined, what ended, what was
// lost. Consumers turn findings into words, reports and verdicts.
//
// Like package event it holds strings as the kernel gave them. Only package
// render makes them safe to show.
package finding

import "github.com/nsblame/nsblame/internal/event"

// Finding is one of the types of this package that a run of the engine yields,
// by pointer: Observed, Created, NetnsFor, Joined, Ended, PernetInit, Lost, BusCut,
// Covered, Damaged or Summary. The set is closed.
type Finding interface{ finding() }

// Consumer takes the findings of a run in their order: printers, collectors,
// and what judges a run.
type Consumer interface {
	// Consume takes the next finding. It must ignore the types that it has no
	// use for. An error ends the run.
	Consume(f Finding) error
}

// Observed is an event of the stream. It precedes what is concluded from it.
type Observed struct {
	// Event is valid until Consume returns; its Body for longer.
	event.Event
}

// Created is a creation of a network namespace, or a try that failed, with its
// causes.
type Created struct {
	*Attribution
	// Selected is set if the creation passed the filter.
	Selected bool
}

// Lost says that something was lost.
type Lost struct {
	// BootNS is when that was noticed, nanoseconds since boot.
	BootNS uint64
	*event.Loss
}

// BusCut says that of messages on buses too little was captured to tell what they ask for.
type BusCut struct {
	// BootNS is when that was noticed, nanoseconds since boot.
	BootNS uint64
	// Count says how many since the last one.
	Count uint64
}

// Covered says that a probe was attached, or was not.
type Covered struct {
	// BootNS is since when, nanoseconds since boot.
	BootNS uint64
	*event.Coverage
}

// Damaged says that a part of a recording could not be read.
type Damaged struct {
	// BootNS is the time of the last event before the part, nanoseconds since
	// boot.
	BootNS uint64
	*event.Damage
}

// Summary holds the closing figures of a run. It is the last finding.
type Summary struct {
	// Seen counts the creations, failed ones included.
	Seen uint64
	// Printed counts those that passed the filter, in the window.
	Printed uint64
	// Within is the window in which creations count.
	Within Window
	// Life tells what became of the printed ones.
	Life Counts
	// Cut counts the printed ones with a truncated string or ancestry.
	Cut uint64
	// BusCut counts the bus messages of which too little was captured to tell
	// what they ask for.
	BusCut uint64
	// Damages counts the parts of a recording that could not be read,
	// DamagedBlocks and DamagedBytes what they held.
	Damages, DamagedBlocks, DamagedBytes uint64
	// Redacted says which arguments were replaced, empty for none.
	Redacted string
	// Lost counts what was lost, by kind. Kinds without losses may be absent.
	Lost map[event.LossKind]uint64
}

// LostTotal returns the number of records lost, of all kinds.
func (s *Summary) LostTotal() uint64 {
	var n uint64
	for _, count := range s.Lost {
		n += count
	}
	return n
}

func (*Observed) finding()   {}
func (*Created) finding()    {}
func (*Joined) finding()     {}
func (*Ended) finding()      {}
func (*PernetInit) finding() {}
func (*Lost) finding()       {}
func (*BusCut) finding()     {}
func (*Covered) finding()    {}
func (*Damaged) finding()    {}
func (*Summary) finding()    {}
