package findings

// Cause is a root cause with all that it did.
type Cause struct {
	// Its place among the causes by their counts, from 1.
	Number uint64 `json:"number"`
	// Stands for the cause as long as a running nsblame answers, and is the cause_id in the
	// exemplars of its metrics, or the family_id if it has variants. Other reports have none.
	ID string `json:"id,omitempty"`
	// What the creations have in common, with --by; all else that names a cause is absent
	// then.
	Grouped *Grouped `json:"grouped,omitempty"`
	// command, timer, socket, path, device, restart, boot, failure, success, pod, guest or unknown.
	Trigger Text `json:"trigger"`
	// The unit that it began in.
	Origin *UnitRef `json:"origin"`
	// The unit of the service manager in a container that it began in, an asterisk for what changes from run to run.
	GuestUnit       Text   `json:"guest_unit,omitempty"`
	GuestUnitBase64 []byte `json:"guest_unit_base64,omitempty"`
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
	// The containers and pods for which it was done: what it is, and its name.
	For *Tally `json:"for,omitempty"`
	// The pods for which it was done.
	Pods *Names `json:"pods,omitempty"`
	// One pod got a sandbox again and again, and no container was started in any of
	// them.
	Retried bool `json:"retried,omitempty"`
	// The command lines of a cause whose command is a pattern.
	Variants *Variants `json:"variants,omitempty"`
	// The creations by machine, in a report of several recordings.
	Hosts *Tally `json:"hosts,omitempty"`
	// How many more creations it may have had before it was followed.
	Uncertain uint64 `json:"uncertain,omitempty"`
	// The highest number of a pod's sandboxes, counted from 0.
	Attempt *uint32 `json:"attempt,omitempty"`
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
	// An asterisk in an argument stands for what varies.
	Pattern bool `json:"pattern,omitempty"`
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

// Grouped is what creations have in common.
type Grouped struct {
	// origin, unit, pod, workload, container, user or command.
	By Text `json:"by"`
	// With origin and unit; null where there is none.
	Unit *UnitRef `json:"unit,omitempty"`
	// The pod, the workload or the container; empty where there is none.
	Name       Text   `json:"name,omitempty"`
	NameBase64 []byte `json:"name_base64,omitempty"`
	// Of a pod or a workload.
	Namespace       Text   `json:"namespace,omitempty"`
	NamespaceBase64 []byte `json:"namespace_base64,omitempty"`
	// Of a workload.
	Kind       Text   `json:"kind,omitempty"`
	KindBase64 []byte `json:"kind_base64,omitempty"`
	// With user.
	UID *uint32 `json:"uid,omitempty"`
}

// Names are the names of many of a kind.
type Names struct {
	// An asterisk stands for what varies, if there are several.
	Pattern       Text   `json:"pattern"`
	PatternBase64 []byte `json:"pattern_base64,omitempty"`
	// How many different ones there are. Up to 2047 it is exact, else within 5 %.
	Count     uint64 `json:"count"`
	Estimated bool   `json:"estimated"`
}

// Variants are the command lines that a pattern stands for.
type Variants struct {
	Tally
	// How many different ones there are, as of Names.
	Count     uint64 `json:"count"`
	Estimated bool   `json:"estimated"`
}
