package life

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Index keeps the creations of a stream whose namespaces have not ended. The
// creation of a namespace that exists can be looked up in it.
type Index struct {
	// BootID identifies the machine's run in which the stream was observed.
	BootID string
	// FromNS and UntilNS are when the stream begins and ends, in nanoseconds since
	// boot.
	FromNS, UntilNS uint64
	// GoesOn is set by the caller if somebody still writes the stream.
	GoesOn bool

	begun bool
	// alive are the creations whose namespaces have not ended, by serial. One is
	// nil until its causes are known.
	alive *bounded.Store[uint64, *finding.Attribution]
	// sees is set if the stream has the ends of namespaces, gaps if it may lack
	// some.
	sees, gaps bool
	// ended is set if the stream was ended in good order.
	ended bool
	// uses are the last who moved into a namespace of alive, where there is room.
	uses map[uint64]Use
	// byInum are the creations in alive, from the first look-up on.
	byInum map[uint32][]*finding.Attribution
}

// NewIndex returns an empty Index.
func NewIndex() *Index {
	return &Index{alive: bounded.NewStore[uint64, *finding.Attribution](indexBudget), uses: make(map[uint64]Use)}
}

// Consume takes the next finding of the run that reads the stream.
func (x *Index) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		x.observe(f.Event)
	case *finding.Created:
		x.created(f.Attribution)
	case *finding.Joined:
		x.joined(f)
	}
	return nil
}

// Use is who moved into a namespace, and when.
type Use struct {
	// BootNS is when it was, nanoseconds since boot.
	BootNS uint64
	// PID and Comm are the process's, with the name after its exec.
	PID  uint32
	Comm string
}

// maxUses bounds how many uses are kept: each takes less than 100 bytes.
const maxUses = 4096

// joined takes who moved in.
func (x *Index) joined(j *finding.Joined) {
	serial := j.Netns.Serial
	_, known := x.uses[serial]
	if _, alive := x.alive.Get(serial); !alive || !known && len(x.uses) >= maxUses {
		return
	}
	now := &j.Process
	if now.Exec != nil {
		now = now.Exec
	}
	x.uses[serial] = Use{BootNS: j.BootNS, PID: j.Process.ID.PID, Comm: now.Comm}
}

// LastUse is who moved last into the namespace of a creation that Find has found.
func (x *Index) LastUse(c *finding.Attribution) (u Use, known bool) {
	u, known = x.uses[c.Netns.Serial]
	return u, known
}

func (x *Index) gone(serial uint64) {
	x.alive.Delete(serial)
	delete(x.uses, serial)
}

func (x *Index) observe(ev event.Event) {
	x.UntilNS = max(x.UntilNS, ev.BootNS)
	switch b := ev.Body.(type) {
	case *event.Host:
		if !x.begun {
			x.begun, x.BootID, x.FromNS = true, b.BootID, ev.BootNS
		}
	case *event.Coverage:
		if b.Probe == event.ProbeRelease {
			x.sees = b.Live
		}
	case *event.NetnsCreate:
		if b.Errno == 0 {
			x.alive.Put(b.Serial, nil, shareOf(b), 0)
		}
	case *event.NetnsRelease:
		x.gone(b.Serial)
	case *event.NetnsFree:
		x.gone(b.Serial)
	case *event.End:
		x.ended = true
	case *event.Loss:
		x.gaps = x.gaps || b.Kind.Hides(event.HiddenCreations|event.HiddenEnds)
	case *event.Damage:
		// that the file has no end is no gap in what it has
		x.gaps = x.gaps || b.Bytes > 0
	}
}

// created takes a creation with its causes.
func (x *Index) created(c *finding.Attribution) {
	if _, alive := x.alive.Get(c.Netns.Serial); alive && c.Netns.Errno == 0 {
		x.alive.Put(c.Netns.Serial, c, shareOf(&c.Netns), c.Size())
	}
}

// By says what relates a namespace to its creation.
type By string

// What can relate them.
const (
	// ByCookie: the cookie, which no other namespace has had since the boot.
	ByCookie By = "cookie"
	// ByInum: the inode number. It is reused, but the stream still goes on, and
	// would have the end of the namespace.
	ByInum By = "inum"
)

// Unmatched says why a creation is not known.
type Unmatched string

// The reasons.
const (
	// UnmatchedInitial: the namespace is the machine's own.
	UnmatchedInitial Unmatched = "initial"
	// UnmatchedNoRecording: there is no recording to look it up in.
	UnmatchedNoRecording Unmatched = "no_recording"
	// UnmatchedOtherBoot: no recording is of this run of the machine.
	UnmatchedOtherBoot Unmatched = "other_boot"
	// UnmatchedAbsent: the recording does not have it.
	UnmatchedAbsent Unmatched = "absent"
	// UnmatchedGaps: likewise, but it has gaps.
	UnmatchedGaps Unmatched = "absent_with_gaps"
	// UnmatchedForgotten: the recording has more namespaces than are kept.
	UnmatchedForgotten Unmatched = "forgotten"
	// UnmatchedEnded: the recording has one of this number, but it ended.
	UnmatchedEnded Unmatched = "recording_ended"
	// UnmatchedEndUnseen: likewise, but it may lack the end of that.
	UnmatchedEndUnseen Unmatched = "end_unseen"
)

// Match is the result of a look-up.
type Match struct {
	// Attribution is the creation, nil if it is not known; then Why says why.
	Attribution *finding.Attribution
	By          By
	Why         Unmatched
	// LastUse is who moved in last, nil if the recording has nobody.
	LastUse *Use
}

// Ended reports whether the stream was ended in good order, so that nothing can
// follow.
func (x *Index) Ended() bool { return x.ended }

// Find looks up the creation of a namespace that exists. The stream must have
// been read to its end. A cookie of 0 is not known.
func (x *Index) Find(inum uint32, cookie uint64) Match {
	if x.byInum == nil {
		x.index()
	}
	var last *finding.Attribution
	for _, c := range x.byInum[inum] {
		switch {
		case cookie != 0 && c.Netns.Cookie == cookie:
			return Match{Attribution: c, By: ByCookie}
		case cookie != 0 && c.Netns.Cookie != 0: // of another that had the number
		case last == nil || last.BootNS < c.BootNS:
			last = c
		}
	}
	switch {
	case last == nil && x.alive.Dropped() > 0:
		return Match{Why: UnmatchedForgotten}
	case last == nil && x.gaps:
		return Match{Why: UnmatchedGaps}
	case last == nil:
		return Match{Why: UnmatchedAbsent}
	case !x.GoesOn || x.ended:
		return Match{Why: UnmatchedEnded}
	case !x.sees || x.gaps:
		return Match{Why: UnmatchedEndUnseen}
	}
	return Match{Attribution: last, By: ByInum}
}

// index makes look-ups quick: there may be as many as there are namespaces.
func (x *Index) index() {
	x.byInum = make(map[uint32][]*finding.Attribution)
	x.alive.All(func(_ uint64, c *finding.Attribution) {
		if c != nil {
			x.byInum[c.Netns.Inum] = append(x.byInum[c.Netns.Inum], c)
		}
	})
}
