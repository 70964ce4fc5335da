package answer

// Cause is a root cause with all that it did.
type Cause struct {
	// command, timer, socket, path, device, restart, boot or unknown.
	Trigger Text `json:"trigger"`
	// The unit that it began in.
	Origin *UnitRef `json:"origin"`
	// The command that it began with; null where no command did.
	Command *Command `json:"command"`
	// With unknown, where the evidence ends.
	Why       *Text  `json:"why,omitempty"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code, where it is one of nsblame's own.
	WhyCode Text `json:"why_code,omitempty"`
	// The unit in which the namespaces were made.
	Unit *UnitRef `json:"unit"`
	// The settings that made them.
	Settings []Setting `json:"settings"`
	// The bus name whose activation was asked for.
	Activated       *Text  `json:"activated"`
	ActivatedBase64 []byte `json:"activated_base64,omitempty"`
	// The command lines of the parents of the process at the origin.
	RunBy Tally `json:"run_by"`
	// The containers in which it was done, as runtime:id.
	Containers Tally `json:"containers"`
	// Who moved into the namespaces after they were made; null if nobody did.
	Occupants *Occupants `json:"occupants"`
	// Other causes that differ in the command's arguments only.
	Similar uint64 `json:"similar"`
	// Creations and failed tries.
	Count  uint64 `json:"count"`
	Failed uint64 `json:"failed"`
	// Failed tries by errno's name.
	Errors      Counts `json:"errors"`
	First       *Time  `json:"first"`
	FirstBootNS uint64 `json:"first_boot_ns"`
	Last        *Time  `json:"last"`
	LastBootNS  uint64 `json:"last_boot_ns"`
	// At least three intervals, and three of four of them within a quarter of the median.
	Periodic bool `json:"periodic"`
	// What one process makes with less than a second between is a burst.
	Bursts uint64 `json:"bursts"`
	// The times between creations, or, where bursts is below count, between bursts.
	Interval *Quantiles `json:"interval"`
	// From the creation to the last reference.
	Lifetime *Quantiles `json:"lifetime"`
	// The kernel's work to free the namespace.
	Teardown *Quantiles `json:"teardown"`
	// Not given up at the end; null if that was not watched.
	Alive *uint64 `json:"alive"`
	// When the oldest of those was created.
	OldestAlive       Maybe[Time] `json:"oldest_alive,omitzero"`
	OldestAliveBootNS *uint64     `json:"oldest_alive_boot_ns,omitempty"`
	// The time that the creations took in the kernel.
	Spent []Spent `json:"spent"`
	// What they are made of, with --cost; null if nothing was measured.
	Cost Maybe[Costs] `json:"cost,omitzero"`
	// Creations by the evidence of their origin.
	Evidence Counts `json:"evidence"`
	// The first of those with the strongest evidence.
	Example  Creation `json:"example"`
	Remedies []Remedy `json:"remedies"`
}

// UnitRef is a unit by name.
type UnitRef struct {
	Name       Text   `json:"name"`
	NameBase64 []byte `json:"name_base64,omitempty"`
	// An asterisk in the name stands for what changes from run to run.
	Pattern bool `json:"pattern"`
	// Whose unit it is: system or user.
	Manager Text `json:"manager"`
	// The user whose manager it is.
	OwnerUID *uint32 `json:"owner_uid,omitempty"`
}

// Command is the command that a cause began with. Pids and container ids of its
// own are <pid> and <id>.
type Command struct {
	Argv          []Text   `json:"argv"`
	ArgvBase64    [][]byte `json:"argv_base64,omitempty"`
	ArgvTruncated bool     `json:"argv_truncated"`
	// The name, if argv doesn't tell.
	Comm       Text    `json:"comm,omitempty"`
	CommBase64 []byte  `json:"comm_base64,omitempty"`
	UID        *uint32 `json:"uid,omitempty"`
}

// Tally counts different values.
type Tally struct {
	Values []Counted `json:"values"`
	// How often it was another value.
	Others uint64 `json:"others"`
}

// Counted is a value with how often it came.
type Counted struct {
	Value       []Text   `json:"value"`
	ValueBase64 [][]byte `json:"value_base64,omitempty"`
	Count       uint64   `json:"count"`
}

// Occupants are the command lines of those who moved into namespaces.
type Occupants struct {
	Tally
	// Joins that were only counted.
	Unreported uint64 `json:"unreported"`
	// Joins that were left again, or ended, without an exec.
	Visits uint64 `json:"visits"`
}

// Quantiles describe values by their order. Of up to 4096 values they are exact,
// of more within 0.5 %.
type Quantiles struct {
	N        uint64 `json:"n"`
	MedianNS uint64 `json:"median_ns"`
	Q1NS     uint64 `json:"q1_ns"`
	Q3NS     uint64 `json:"q3_ns"`
	MinNS    uint64 `json:"min_ns"`
	MaxNS    uint64 `json:"max_ns"`
}

// SummedQuantiles are quantiles with the sum of the values.
type SummedQuantiles struct {
	SumNS uint64 `json:"sum_ns"`
	Quantiles
}

// Spent is the time spent in a part of the creations.
type Spent struct {
	// creation for all of it, or a subsystem.
	What       Text   `json:"what"`
	WhatBase64 []byte `json:"what_base64,omitempty"`
	SummedQuantiles
}

// Remedy is something that ends a cause.
type Remedy struct {
	// What kind of remedy it is.
	Kind Text `json:"kind"`
	// What to do, in words.
	Do       Text   `json:"do"`
	DoBase64 []byte `json:"do_base64,omitempty"`
	// The commands to run.
	Commands []Argv `json:"commands"`
	// The file to write first.
	File *File `json:"file"`
	// What it costs, in words.
	Cost       Text   `json:"cost"`
	CostBase64 []byte `json:"cost_base64,omitempty"`
}

// Argv is a command line.
type Argv struct {
	Argv       []Text   `json:"argv"`
	ArgvBase64 [][]byte `json:"argv_base64,omitempty"`
}

// File is a file to write.
type File struct {
	Path           Text   `json:"path"`
	PathBase64     []byte `json:"path_base64,omitempty"`
	Contents       Text   `json:"contents"`
	ContentsBase64 []byte `json:"contents_base64,omitempty"`
}
