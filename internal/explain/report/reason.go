package report

import "github.com/nsblame/nsblame/internal/event"

// ReasonCode is a reason why something in a report is not known, or not certain.
type ReasonCode string

// The reasons.
const (
	// EndsNotWatched: nothing in the stream says that ends were watched.
	EndsNotWatched ReasonCode = "ends_not_watched"
	// NoUnitsAtBegin, NoUnitsAtEnd: the stream lacks the list of units that were
	// there when it began, or ended.
	NoUnitsAtBegin ReasonCode = "no_units_at_begin"
	NoUnitsAtEnd   ReasonCode = "no_units_at_end"
	// ProcessesUnplaced: the unit of some processes is not known.
	ProcessesUnplaced ReasonCode = "processes_unplaced"
	// TooManyUnits: a list of units has more than are kept. TooManyInvolved: as
	// many had a part in a creation.
	TooManyUnits    ReasonCode = "too_many_units"
	TooManyInvolved ReasonCode = "too_many_involved"
	// RecordsLost: records of creations, or of those behind them, were lost.
	RecordsLost ReasonCode = "records_lost"
	// RecordingDamaged: parts of the recording cannot be read.
	RecordingDamaged ReasonCode = "recording_damaged"
	// StreamCutOff: the stream breaks off.
	StreamCutOff ReasonCode = "stream_cut_off"
	// ProbeNotLive: a probe was not live that shows who does something.
	ProbeNotLive ReasonCode = "probe_not_live"
	// CreationsUnseen: the kernel counted creations that the stream does not have.
	CreationsUnseen ReasonCode = "creations_unseen"
	// CreatorsUnplaced: the unit is not known that made some namespaces.
	CreatorsUnplaced ReasonCode = "creators_unplaced"
	// LineageCut: the ancestors of some creators are not all known.
	LineageCut ReasonCode = "lineage_cut"
	// EnginesNotHeard: of some namespaces of containers the requests for them were not
	// heard.
	EnginesNotHeard ReasonCode = "engines_not_heard"
	// OriginsUnknown: who caused some namespaces is not known.
	OriginsUnknown ReasonCode = "origins_unknown"
	// SeveralRecordings: which units were there is known of one recording alone.
	SeveralRecordings ReasonCode = "several_recordings"
)

// Reason is why something in a report is not known, or not certain. The zero
// Reason stands for none.
type Reason struct {
	// Code is empty where the stream itself gives the reason.
	Code ReasonCode
	// Count counts what the code is about.
	Count uint64
	// Probe is that of ProbeNotLive.
	Probe event.Probe
	// Text is the reason that the stream gives, without a Code.
	Text string
}
