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
	// Why says what is wrong with it, in words.
	Why string
}

func (*Damage) body() {}
