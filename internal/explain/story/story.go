// Package story gathers all that a stream says about one network namespace: who made
// it and for whom, who moved in, and how it ended or why it may still be there.
//
// It is a pure function of the findings of a run.
package story

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Query says which namespaces are meant. One field is set.
type Query struct {
	// Inum is the inode number of a namespace. It is reused.
	Inum uint32
	// PID is a process that made a namespace, was born in it, or moved in.
	PID uint32
	// Pod is a pattern for the name of the pod that it is for, as of
	// finding.Attribution.ForPod, or the pod's uid.
	Pod string
}

// Match is a namespace that is meant.
type Match struct {
	// Serial, BootNS and Inum are those of its creation.
	Serial, BootNS uint64
	Inum           uint32
	// Comm and PID are the creator's.
	Comm string
	PID  uint32
	// For is for whom it is, nil if that is not known.
	For *finding.For
}

// maxMatches bounds how many matches are kept.
const maxMatches = 4096

// Finder finds the namespaces that are meant. It is a consumer.
type Finder struct {
	query Query
	// List has the matches in the order of their creation, the first maxMatches, and
	// Count is how many there are.
	List  []Match
	Count int
	known map[uint64]int
}

// NewFinder returns a Finder.
func NewFinder(q Query) *Finder { return &Finder{query: q, known: make(map[uint64]int)} }

// Consume takes the next finding.
func (x *Finder) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Created:
		if f.Netns.Errno == 0 && x.query.created(f.Attribution, f.Attribution.For) {
			x.add(f.Attribution, f.Attribution.For)
		}
	case *finding.NetnsFor:
		if f.Created != nil && f.Created.Netns.Errno == 0 && x.query.created(f.Created, f.For) {
			x.add(f.Created, f.For)
		}
	case *finding.Joined:
		if f.Created != nil && x.query.PID != 0 && f.Process.ID.PID == x.query.PID && f.Occupant() {
			x.add(f.Created, f.Created.For)
		}
	}
	return nil
}

// created reports whether the creation is meant.
func (q Query) created(c *finding.Attribution, to *finding.For) bool {
	switch {
	case q.Inum != 0:
		return c.Netns.Inum == q.Inum
	case q.PID != 0:
		return c.Process.ID.PID == q.PID || c.Child != nil && c.Child.ID.PID == q.PID
	case to == nil || to.Pod == nil:
		return false
	}
	known := *c
	known.For = to
	return to.Pod.UID != "" && to.Pod.UID == q.Pod || known.ForPod(q.Pod)
}

func (x *Finder) add(c *finding.Attribution, to *finding.For) {
	if i, known := x.known[c.Netns.Serial]; known {
		if x.List[i].For == nil {
			x.List[i].For = to
		}
		return
	}
	x.Count++
	if len(x.List) == maxMatches {
		return
	}
	x.known[c.Netns.Serial] = len(x.List)
	x.List = append(x.List, Match{
		Serial: c.Netns.Serial, BootNS: c.BootNS, Inum: c.Netns.Inum, Comm: c.Process.Comm, PID: c.Process.ID.PID, For: to,
	})
}

// Story is what a stream says about one namespace. It is a consumer.
type Story struct {
	serial uint64
	// Created is the creation, with for whom it is, also where that became known later.
	Created *finding.Attribution
	// Occupants are those who moved in and were reported one by one. Visitors
	// counts who left again.
	Occupants []*finding.Joined
	Visitors  uint64
	// Release is its release, Free the end of its teardown, nil where they were not seen.
	Release *finding.Ended
	Free    *finding.Ended
	// UntilNS is when the stream ends, nanoseconds since boot.
	UntilNS uint64
	// Watched is set if the end of namespaces is seen, Gaps if some may be missing.
	Watched, Gaps bool
	ended         map[event.ProcessID]bool
}

// New returns an empty Story of the namespace whose creation has this serial.
func New(serial uint64) *Story { return &Story{serial: serial, ended: make(map[event.ProcessID]bool)} }

// Of reports whether a finding is about the namespace.
func (s *Story) Of(f finding.Finding) bool {
	switch f := f.(type) {
	case *finding.Created:
		return f.Netns.Serial == s.serial
	case *finding.NetnsFor:
		return f.Created != nil && f.Created.Netns.Serial == s.serial
	case *finding.Joined:
		return f.Netns.Serial == s.serial
	case *finding.Ended:
		return f.Release != nil && f.Release.Netns.Serial == s.serial || f.Free != nil && f.Free.Serial == s.serial
	}
	return false
}

// Consume takes the next finding.
func (s *Story) Consume(f finding.Finding) error {
	if o, ok := f.(*finding.Observed); ok {
		s.observe(o.Event)
		return nil
	}
	if !s.Of(f) {
		return nil
	}
	switch f := f.(type) {
	case *finding.Created:
		s.Created = f.Attribution
	case *finding.NetnsFor:
		if s.Created != nil {
			known := *s.Created
			known.For = f.For
			s.Created = &known
		}
	case *finding.Joined:
		if f.Occupant() {
			s.Occupants = append(s.Occupants, f)
		} else {
			s.Visitors++
		}
	case *finding.Ended:
		if f.Free != nil {
			s.Free = f
		} else {
			s.Release = f
		}
	}
	return nil
}

func (s *Story) observe(ev event.Event) {
	s.UntilNS = max(s.UntilNS, ev.BootNS)
	switch b := ev.Body.(type) {
	case *event.Coverage:
		if b.Probe == event.ProbeRelease {
			s.Watched = b.Live
		}
	case *event.Exit:
		if s.Created != nil && s.knows(b.Process) {
			s.ended[b.Process] = true
		}
	case *event.Loss:
		s.Gaps = s.Gaps || b.Kind.Hides(event.HiddenEnds)
	case *event.Damage:
		s.Gaps = s.Gaps || b.Bytes > 0
	}
}

// knows reports whether a process is or was in the namespace.
func (s *Story) knows(id event.ProcessID) bool {
	if id == s.Created.Process.ID || s.Created.Child != nil && id == s.Created.Child.ID {
		return true
	}
	for _, j := range s.Occupants {
		if j.Process.ID == id {
			return true
		}
	}
	return false
}

// Over reports whether the namespace has ended.
func (s *Story) Over() bool { return s.Release != nil || s.Free != nil }

// Inside are the processes that were seen in the namespace and not seen to end. A thread
// of a larger process may have gone back, so that process is not one of them.
func (s *Story) Inside() []*lineage.Process {
	var list []*lineage.Process
	add := func(p *lineage.Process) {
		if p != nil && !p.Exited && !s.ended[p.ID] {
			list = append(list, p)
		}
	}
	if c := s.Created; c != nil {
		if c.Netns.Call == event.CallUnshare && (c.Process.TID == 0 || c.Process.TID == c.Process.ID.PID) {
			add(&c.Process)
		}
		add(c.Child)
	}
	for _, j := range s.Occupants {
		add(&j.Process)
	}
	return list
}
