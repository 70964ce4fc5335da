package event

// Damage says that a part of a recording could not be read. It stands at the
// place in the stream where that part was. What was in it is not known.
type Damage struct {
	// Offset is where the part begins in the file, Bytes how long it is.
	Offset, Bytes uint64
	// Blocks counts the blocks that are known to be lost in it, at least 1.
	Blocks uint64
	// Truncated is set when the file ends within the part: the writer did not
	// come to close it.
	Truncated bool
	// Code says what is wrong where that is no matter of bytes, empty otherwise.
	Code DamageCode
	// Why says what is wrong with it, in words. Empty if Code says it.
	Why string
}

// DamageCode names what is wrong with a part of a recording whose bytes are in order.
type DamageCode string

// The codes.
const (
	// DamageTooMuch: what it defines would take more memory than the reader may
	// have. All that was defined by then is forgotten.
	DamageTooMuch DamageCode = "too_much"
	// DamageImpossible: it claims what no machine can have seen.
	DamageImpossible DamageCode = "impossible"
)

func (*Damage) body() {}
