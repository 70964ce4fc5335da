package condition

import "fmt"

// Met is a condition that was met, or that cannot be ruled out.
type Met struct {
	Condition Condition
	// Count is how often it was met.
	Count uint64
	// Doubt says why it may have been met more often.
	Doubt Doubt
}

// Doubt says why a condition may have been met unseen.
type Doubt struct {
	Kind DoubtKind
	// Count is how many creations or ends it is about, where the kind has such.
	Count uint64
}

// DoubtKind is a kind of doubt.
type DoubtKind string

// The kinds of doubt.
const (
	// NoDoubt: all was seen.
	NoDoubt DoubtKind = ""
	// RecordingDamaged: a part of the recording can't be read.
	RecordingDamaged DoubtKind = "recording_damaged"
	// StreamCutOff: the stream has no end.
	StreamCutOff DoubtKind = "stream_cut_off"
	// CreationsLost: up to Count creations were lost.
	CreationsLost DoubtKind = "creations_lost"
	// CreationsUnseen: the kernel counted Count creations that the stream lacks.
	CreationsUnseen DoubtKind = "creations_unseen"
	// EndsLost: up to Count namespaces may have ended unseen.
	EndsLost DoubtKind = "ends_lost"
	// UnitsUnknown: the unit of Count creations is not known.
	UnitsUnknown DoubtKind = "units_unknown"
	// OriginsUnknown: the origin of Count creations is not known.
	OriginsUnknown DoubtKind = "origins_unknown"
	// ForUnknown: for whom Count creations were is not known.
	ForUnknown DoubtKind = "for_unknown"
)

// or returns the doubt, or if there is none the one given, unless its count is 0.
func (d Doubt) or(kind DoubtKind, count uint64) Doubt {
	if d.Kind != NoDoubt || count == 0 {
		return d
	}
	return Doubt{kind, count}
}

// NotJudgedError says that a condition can't be judged at all.
type NotJudgedError struct {
	Condition Condition
	// Why says what is missing.
	Why string
}

func (e *NotJudgedError) Error() string {
	return fmt.Sprintf("the condition %s cannot be judged: %s", e.Condition, e.Why)
}
